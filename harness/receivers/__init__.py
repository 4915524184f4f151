"""Recording stand-ins for Slack, PagerDuty, a webhook and a mail server, for the lab only.

They refuse what the real services refuse, and keep everything they were sent. Imports inside are relative, so
that the same files run here as `harness.receivers` and on their lab host as `receivers`.
"""
