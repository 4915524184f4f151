"""An incident as its witnesses saw it: what happened when, who was told, and how long each part may take.

It watches and compares, and never changes anything on the lab: that is for `harness/stack`.
"""
