"""What is wrong with rules, dashboards and runbooks beyond their syntax."""
