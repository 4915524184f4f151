"""Alertmanager's own word that an alert is over, where it was swallowed: posted again once it can be heard.

Runs beside Alertmanager on its host, with the standard library alone; knows no other room.
"""
