"""A stand-in for Grafana that reads the real files and refuses what is wrong in them.

It runs on a host, out of an archive with PyYAML beside it: it imports nothing of this repository.
"""
