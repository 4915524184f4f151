"""The proof: real faults on the lab, and for each alert whether it fired, whom it reached, and how it ended.

A batch of faults is played at once, a witness records everything, and a judge that knows nothing of the
playing compares it with the rules and routes: what must have been told, what may, and what no fault explains.
"""
