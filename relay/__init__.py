"""A queue in front of Slack, beside each Alertmanager: what it took is told, the loudest first.

Runs on Alertmanager's host, with the standard library alone; knows no other room.
"""
