"""What `grafana_accounts` is made of: a client of Grafana's HTTP API, and who may log in."""
