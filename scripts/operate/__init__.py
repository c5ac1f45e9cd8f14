"""What an operator does to a running system: rebuild its read model, redrive dead letters, audit it."""
