"""Requests reach AWS encrypted: the condition key aws:SecureTransport is true.

AWS: its endpoints speak TLS, and policies that deny `aws:SecureTransport: false` (the CDK's `enforceSSL`, the bucket of its
bootstrap) refuse only who goes out of their way not to use it.
MiniStack: serves plain HTTP on the loopback interface here, so that such a policy denies every request, `cdk deploy` included.
Baton: its queues and the bucket of its assets have such policies.
"""

from __future__ import annotations

from ministack.core import iam_evaluator


def apply() -> None:
    """Count what does not leave the machine as encrypted."""
    pin_request_origin = iam_evaluator.pin_request_origin

    def pin(source: str, _secure: bool) -> None:
        pin_request_origin(source, True)

    iam_evaluator.pin_request_origin = pin
