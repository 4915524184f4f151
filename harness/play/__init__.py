"""Playbooks run as a person would run them, on the lab or on a bare host of their own, for tests."""
