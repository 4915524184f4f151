"""What proves the rules before a host sees them: coverage, mutation, lint, and what is in force where."""
