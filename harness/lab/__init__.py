"""Lab hosts: systemd in containers, reached over SSH as VMs would be."""
