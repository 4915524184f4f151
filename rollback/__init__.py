"""The rollback daemon: alerts in, decisions with reasons, one safe rollback, measured proof."""

__version__ = "0.10.0"
