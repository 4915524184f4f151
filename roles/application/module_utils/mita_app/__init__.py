"""Releases of an application on its host. Self-contained: a rollback needs nothing but this role."""
