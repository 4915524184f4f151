"""Messages as a real Alertmanager sends them, for a person to look at; and why an alert reaches whom."""
