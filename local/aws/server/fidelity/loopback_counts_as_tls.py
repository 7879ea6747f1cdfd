"""What never leaves this machine counts as sent over TLS.

AWS: `aws:SecureTransport` is true for every request over TLS, and for those that services make themselves (IAM user
guide, "AWS global condition context keys").
MiniStack: false for the plain HTTP of 127.0.0.1, and for what it does itself: polling queues, delivering events.
Baton: queues and the alarm topic deny everything that does not come over TLS.
"""

from __future__ import annotations

from ministack.core import iam_evaluator


def apply() -> None:
    """Say of each judged request that it came over TLS."""
    init = iam_evaluator.EvalContext.__init__

    def secure(self: iam_evaluator.EvalContext, *given: object, **named: object) -> None:
        init(self, *given, **named)
        if self.source_ip == "127.0.0.1":
            self.secure_transport = True

    iam_evaluator.EvalContext.__init__ = secure
