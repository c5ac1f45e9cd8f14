"""HTTP: the queries, and the probes of who runs the service."""
