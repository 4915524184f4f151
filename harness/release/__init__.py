"""Releases of the application under test, good and bad, built for the Debian of the lab."""
