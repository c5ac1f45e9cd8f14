"""The cluster's life, shown with programs that stand in for kind, kubectl, helm and container engines."""
