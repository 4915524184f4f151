"""Which account a request came in with: it stands in every record that the request leads to.

The gate sets it, the store writes it down. A parameter through every layer would be forgotten in one of
them; the value follows a request through threads. Outside of requests it is empty: the daemon acts by itself.
"""

from contextvars import ContextVar

ACCOUNT: ContextVar[str] = ContextVar("account", default="")
