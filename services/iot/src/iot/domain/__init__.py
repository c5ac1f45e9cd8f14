"""What a mandate is, and which of two is newer: no I/O, no framework, no clock."""
