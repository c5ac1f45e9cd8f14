"""The way with image registries, walked: on hosts of our own, with registries that have the real ones' names."""
