"""The application under test: a small service on PostgreSQL and Redis whose releases can carry a fault.

A release has this package and its libraries alone, so imports inside are relative and nothing else of the
repository is imported.
"""
