"""The IoT Platform: the query side of Mandates."""
