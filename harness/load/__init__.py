"""Load at a fixed arrival rate, on the lab and nothing else.

Only `locustfile.py` and `shape.py` import locust, which patches the standard library: they run in a process
of their own.
"""
