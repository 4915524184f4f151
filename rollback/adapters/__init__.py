"""The world outside: databases, Prometheus, Alertmanager, Slack, Ansible, systemd."""
