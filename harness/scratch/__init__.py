"""Scratch hosts: a bare host of its own for each role test, on which single roles are played.

The only room whose tests leave the lab's own site alone.
"""
