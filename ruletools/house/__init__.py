"""What the rule tools know about this repository alone: its files, its label contract, its sites."""
