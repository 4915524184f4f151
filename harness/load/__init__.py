"""Load at a fixed arrival rate, on the lab and nothing else.

`locustfile.py` and what only it imports use locust, which patches the standard library: they run in a process
of their own, which `run.py` starts and watches.
"""
