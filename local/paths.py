"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STATE = CHECKOUT / ".baton"
"""All that a run on this machine leaves: data of the embedded AWS and EMR, logs, the running stack's address."""
NODE = CHECKOUT / ".venv" / "bin" / "node"
CDK = CHECKOUT / "node_modules" / "aws-cdk" / "bin" / "cdk"
