"""The Dapr sidecar: all that the service knows of what is outside."""
