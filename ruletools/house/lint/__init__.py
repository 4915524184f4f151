"""What is wrong with this repository's rules, dashboards and runbooks beyond their syntax."""
