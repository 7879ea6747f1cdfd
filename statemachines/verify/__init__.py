"""Proves a workflow before it ships: whatever can drop a case under any facility's policy and any shift is found, and said.

For where workflows are written and checked; nothing that runs on AWS imports it.
"""

from statemachines.verify.finding import Finding, Place, Severity
from statemachines.verify.verifier import Report, check, verify

__all__ = ["Finding", "Place", "Report", "Severity", "check", "verify"]
