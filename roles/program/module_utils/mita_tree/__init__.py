"""Directories and files with explicit modes."""
