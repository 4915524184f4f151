"""What is true about alerts, deployments and rollbacks. Pure: no clock, no I/O, no logging."""
