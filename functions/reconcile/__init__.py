"""Finds and mends cases that nobody follows."""
