"""The application under test: a small service on PostgreSQL and Redis whose releases can carry a fault.

It is imported as `harness.application` in the repository and as `application` on a host, so imports inside
are relative and nothing outside this package is imported.
"""
