"""From the topic to the read model: what the sidecar delivers, read, compared and stored."""
