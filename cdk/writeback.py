"""Writeback: one writer to the EMR per case, in order, and none that holds up another."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor, On
from cdk.queues import WorkQueue

TIMEOUT = Duration.seconds(25)


class Writeback(Construct):
    """FIFO queue (the case is the message group) → writeback."""

    def __init__(self, scope: Construct, foundation: Foundation, data: Data, emr_base_url: str) -> None:
        super().__init__(scope, "Writeback")
        # An EMR may be away for hours: at 30 s a try, this is four. The sweep says again what ends as a dead letter.
        self.queue = WorkQueue(self, "Writebacks", foundation, function_timeout=TIMEOUT, receives=480, fifo=True)
        foundation.arns[On.WRITEBACK] = [self.queue.queue.queue_arn]
        self.function = Function(
            self,
            Actor.WRITEBACK,
            foundation,
            timeout=TIMEOUT,
            environment={"TABLE_NAME": data.table.table_name, "EMR_BASE_URL": emr_base_url},
        )
        self.queue.feed(self.function, batch=10, concurrency=10)
