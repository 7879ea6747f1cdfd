"""Answers the executions that follow cases."""
