"""The whole system: one stack, one construct per capability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, CfnParameter, Duration, Stack
from constructs import Construct

from cdk.alarms import Alarms
from cdk.bundling import Bundle
from cdk.dashboard import Dashboard
from cdk.data import Data
from cdk.foundation import Foundation, key
from cdk.grants import Actor
from cdk.intake import Intake
from cdk.names import Names
from cdk.published import Version
from cdk.reconcile import Reconcile
from cdk.relay import Relay
from cdk.steps import Steps
from cdk.target import Runtime
from cdk.workflows import Workflows
from cdk.writeback import Writeback


class BatonStack(Stack):
    """Baton in one account and region. Its template is the same for every target, but for what the bundles run on."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        runtime: Runtime,
        bundles: Mapping[Actor, Bundle],
        versions: Sequence[Version],
        emr_base_url: str | None = None,
    ) -> None:
        super().__init__(scope, id, description="Baton: clinical workflows in which every open step has one owner")
        emr = CfnParameter(
            self,
            "EmrBaseUrl",
            description="Base URL of the EMR's FHIR API, without a slash at the end",
            # Patients' data leaves for the EMR only over TLS, or not at all.
            allowed_pattern=r"https://[^\s/]+(/[^\s/]+)*|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[^\s/]+)*",
            constraint_description="https://…, or http:// to this machine itself; no slash at the end",
            default=emr_base_url,
        ).value_as_string
        # The CDK writes a function's dependency on its role twice.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
        names = Names.of(self, versions)
        foundation = Foundation(runtime, bundles, key(self))
        names.grant(foundation)

        data = Data(self, foundation)
        intake = Intake(self, foundation, data, names)
        steps = Steps(self, foundation, data, versions, names, emr)
        workflows = Workflows(self, foundation, versions, names, steps)
        writeback = Writeback(self, foundation, data, emr)
        relay = Relay(self, foundation, data, intake, writeback)
        reconcile = Reconcile(self, foundation, data, writeback, names)

        functions = [part.function for part in (intake, writeback, relay, reconcile)] + [steps.follow, steps.work]
        queues = {
            "events": (intake.queue, Duration.minutes(2)),
            "writeback": (writeback.queue, Duration.minutes(15)),
            "reconcile": (reconcile.queue, Duration.minutes(5)),
        }
        letters = {name: queue.letters for name, (queue, _) in queues.items()} | {"relay": relay.failures}
        alarms = Alarms(
            self, foundation, functions=functions, queues=queues, letters=letters, machines=workflows.machines
        )
        Dashboard(
            self,
            versions=versions,
            functions=functions,
            queues={name: queue for name, (queue, _) in queues.items()},
            letters=letters,
            machines=workflows.machines,
        )
        for name, value in {
            "TableName": data.table.table_name,
            "HmacSecretArn": data.hmac_secret_arn,
            "StateMachineArnPrefix": names.arn_prefix,
            "BusName": intake.bus_name,
            "AlarmTopicArn": alarms.topic.topic_arn,
            **{f"{name.capitalize()}QueueUrl": queue.queue.queue_url for name, (queue, _) in queues.items()},
            **{f"{name.capitalize()}DeadLettersUrl": queue.queue.queue_url for name, queue in letters.items()},
        }.items():
            CfnOutput(self, name, value=value)
