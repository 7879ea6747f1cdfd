"""Intake: the bus that events arrive on, the queue that holds a burst of them, and the function that takes them in."""

from __future__ import annotations

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor, On
from cdk.names import Names, committing
from cdk.queues import WorkQueue, allow_events
from events.envelope import OWN_SOURCE, Source

TIMEOUT = Duration.seconds(15)


class Intake(Construct):
    """Bus → rule → queue → intake."""

    def __init__(self, scope: Construct, foundation: Foundation, data: Data, names: Names) -> None:
        super().__init__(scope, "Intake")
        # Some three minutes at 20 s a try. What is wrong with an event itself never gets here: intake quarantines it.
        self.queue = WorkQueue(self, "Events", foundation, function_timeout=TIMEOUT, receives=10)
        self.bus_name = Stack.of(self).stack_name
        self.bus_arn = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:event-bus/{self.bus_name}"
        bus = events.CfnEventBus(
            self,
            "Bus",
            name=self.bus_name,
            description="Clinical events in, hand-offs out",
            kms_key_identifier=foundation.key.key_arn,
            # For what the bus itself cannot encrypt or decrypt.
            dead_letter_config=events.CfnEventBus.DeadLetterConfigProperty(arn=self.queue.letters.queue.queue_arn),
            policy=_only_known_sources(self.bus_arn),
        )
        allow_events(self.queue.letters.queue, [self.bus_arn], sid="FromBus")
        self.queue.take(
            "Arriving",
            description="Events of the care platform, the EMR and the roster to intake; never Baton's own",
            bus=bus.ref,
            pattern={"source": [str(source) for source in Source]},
        )
        foundation.arns[On.EVENTS] = [self.queue.queue.queue_arn]
        foundation.arns[On.BUS] = [self.bus_arn]
        self.function = Function(
            self,
            Actor.INTAKE,
            foundation,
            timeout=TIMEOUT,
            environment=committing(data, names),
        )
        # A batch that runs out of the function's time is delivered again as a whole, when it becomes visible: five leave each
        # event three seconds, a hundred times what it takes.
        self.queue.feed(self.function, batch=5, concurrency=4)


def _only_known_sources(bus_arn: str) -> dict[str, object]:
    """Nobody, whatever their own permissions, puts events of other sources on the bus."""
    known = [*(str(source) for source in Source), OWN_SOURCE]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyKnownSources",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "events:PutEvents",
                "Resource": bus_arn,
                "Condition": {"ForAnyValue:StringNotEquals": {"events:source": known}},
            }
        ],
    }
