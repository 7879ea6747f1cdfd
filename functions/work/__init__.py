"""Performs the system steps of workflows."""
