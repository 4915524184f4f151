"""What `managed_service` is made of: a plan (pure), the disk, systemd, probes, and their order."""
