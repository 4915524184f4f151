"""What a Prometheus says of what it asks, and what an Alertmanager has of it."""
