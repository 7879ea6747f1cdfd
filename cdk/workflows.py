"""The workflows: one state machine per published version, so that a case stays with the version it began with."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk.foundation import KEPT, Foundation, log_group, role
from cdk.grants import Actor
from cdk.names import Names
from cdk.published import Version
from cdk.steps import Steps


class Workflows(Construct):
    """The state machines, their common role and log."""

    def __init__(
        self, scope: Construct, foundation: Foundation, versions: Sequence[Version], names: Names, steps: Steps
    ) -> None:
        super().__init__(scope, "Workflows")
        # Under this path AWS lets services deliver logs without a resource policy that grows with each log group.
        logs = log_group(self, foundation, f"/aws/vendedlogs/states/{names.stack}")
        granted = role(self, Actor.MACHINES, "states.amazonaws.com", foundation, logs)
        self.machines = {
            version.name: stepfunctions.StateMachine(
                self,
                version.name,
                state_machine_name=f"{names.stack}-{version.name}",
                comment=f"{version.definition.title}, version {version.definition.version}",
                definition_body=stepfunctions.DefinitionBody.from_string(version.asl),
                definition_substitutions={
                    "FollowFunctionArn": steps.follow.function.function_arn,
                    "WorkFunctionArn": steps.work.function.function_arn,
                },
                role=granted,
                # Payloads hold ids only, and even those are nobody's business in a log.
                logs=stepfunctions.LogOptions(
                    destination=logs, include_execution_data=False, level=stepfunctions.LogLevel.ERROR
                ),
                tracing_enabled=True,
                # Deleting a machine would end the executions of the cases in it.
                removal_policy=KEPT,
            )
            for version in versions
        }
