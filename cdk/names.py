"""What the state machines are called, known before they exist: they call functions that answer to them by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Stack
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.grants import On
from cdk.published import Version


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the machines of one stack."""

    stack: str
    versions: tuple[str, ...]

    @staticmethod
    def of(scope: Construct, versions: Sequence[Version]) -> Names:
        """The names that `versions` have in the stack of `scope`."""
        return Names(Stack.of(scope).stack_name, tuple(version.name for version in versions))

    @property
    def arn_prefix(self) -> str:
        """What the ARN of every machine begins with; the workflow and its version follow, as in oxygen-v1."""
        return f"{_states('stateMachine')}:{self.stack}-"

    def grant(self, foundation: Foundation) -> None:
        """Let roles be granted the use of exactly these machines and their executions."""
        foundation.arns[On.MACHINES] = [f"{self.arn_prefix}{version}" for version in self.versions]
        # An execution's name is chosen when it starts, so its part of the ARN stays open.
        foundation.arns[On.EXECUTIONS] = [
            f"{_states('execution')}:{self.stack}-{version}:*" for version in self.versions
        ]


def _states(kind: str) -> str:
    return f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:{kind}"


def committing(data: Data, names: Names) -> dict[str, str]:
    """The settings of every function that changes cases."""
    return {
        "TABLE_NAME": data.table.table_name,
        "HMAC_SECRET_ARN": data.hmac_secret_arn,
        "STATE_MACHINE_ARN_PREFIX": names.arn_prefix,
    }
