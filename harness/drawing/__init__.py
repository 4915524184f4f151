"""Pictures of the dashboards, drawn by Grafana's own code from the answers of a real Prometheus.

The Prometheus knows a site in which one bad release was rolled back and another one is live.
"""
