"""Relay: from the journal entries of the table's stream to metrics, events out, and the writer to the EMR."""

from __future__ import annotations

import json

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor, On
from cdk.intake import Intake
from cdk.queues import DeadLetters
from cdk.writeback import Writeback
from functions.cases import keys

TIMEOUT = Duration.seconds(30)
NEW_JOURNAL_ENTRIES = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "J#"}]}}}}
PULSES = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": [keys.PULSE.pk]}}}}
"""One a minute: relay that hears of none for a while has stopped, and an alarm rings."""


class Relay(Construct):
    """Stream → relay."""

    def __init__(
        self, scope: Construct, foundation: Foundation, data: Data, intake: Intake, writeback: Writeback
    ) -> None:
        super().__init__(scope, "Relay")
        self.failures = DeadLetters(self, "Failures", foundation)
        foundation.arns[On.RELAY_FAILURES] = [self.failures.queue.queue_arn]
        self.function = Function(
            self,
            Actor.RELAY,
            foundation,
            timeout=TIMEOUT,
            environment={"BUS_NAME": intake.bus_name, "WRITEBACK_QUEUE_URL": writeback.queue.queue.queue_url},
        )
        lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=self.function.function.function_name,
            event_source_arn=data.stream_arn,
            # From the oldest entry that the stream still has: what was committed before this mapping existed counts too.
            starting_position="TRIM_HORIZON",
            batch_size=100,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[
                    lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(pattern))
                    for pattern in (NEW_JOURNAL_ENTRIES, PULSES)
                ]
            ),
            function_response_types=["ReportBatchItemFailures"],
            # A record that fails holds up its shard: find it, give up on it, go on. The sweep repairs what it would have done.
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=10,
            maximum_record_age_in_seconds=6 * 3600,
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.failures.queue.queue_arn)
            ),
        )
