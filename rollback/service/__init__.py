"""What the daemon does, in terms of its ports: take alerts in, decide, restore, verify, tell."""
