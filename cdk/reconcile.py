"""Reconcile: brings executions and the EMR after the journal where they fell behind, outside of Step Functions."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor, On
from cdk.names import Names, committing
from cdk.queues import WorkQueue
from cdk.writeback import Writeback

TIMEOUT = Duration.seconds(50)


class Reconcile(Construct):
    """Executions that ended unexpectedly, and every minute a sweep → queue → reconcile."""

    def __init__(
        self, scope: Construct, foundation: Foundation, data: Data, writeback: Writeback, names: Names
    ) -> None:
        super().__init__(scope, "Reconcile")
        self.queue = WorkQueue(self, "Wakings", foundation, function_timeout=TIMEOUT, receives=5)
        self.queue.take(
            "ExecutionsEnded",
            description="Executions of the workflows that ended other than by finishing",
            pattern={
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    # All of this stack's, whatever their number: a pattern may be 2,048 characters long.
                    "stateMachineArn": [{"prefix": names.arn_prefix}],
                },
            },
        )
        self.queue.take("Sweep", description="Look for what is overdue or unfollowed", schedule="rate(1 minute)")
        foundation.arns[On.RECONCILE] = [self.queue.queue.queue_arn]
        self.function = Function(
            self,
            Actor.RECONCILE,
            foundation,
            timeout=TIMEOUT,
            environment={**committing(data, names), "WRITEBACK_QUEUE_URL": writeback.queue.queue.queue_url},
        )
        # One at a time: each look may take as long as RUN_SECONDS, and two would be killed together.
        self.queue.feed(self.function, batch=1, concurrency=2)
