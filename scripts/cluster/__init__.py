"""The cluster's life: bring it up, heal it, use it, take it down."""
