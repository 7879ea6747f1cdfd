"""The two functions that the state machines call: follow waits for people, work does what the system itself does."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from constructs import Construct

from cdk.data import Data
from cdk.foundation import Foundation
from cdk.function import Function
from cdk.grants import Actor, On
from cdk.names import Names, committing
from cdk.published import Version

FOLLOW_TIMEOUT = Duration.seconds(15)
WORK_ENDS_BEFORE_SECONDS = 5
"""So much sooner than any step runs out of its time the function does: a try that is made again is over, and never beside another."""
WITHOUT_WORK_SECONDS = 30


class Steps(Construct):
    """follow and work."""

    def __init__(
        self,
        scope: Construct,
        foundation: Foundation,
        data: Data,
        versions: Sequence[Version],
        names: Names,
        emr_base_url: str,
    ) -> None:
        super().__init__(scope, "Steps")
        commits = committing(data, names)
        self.follow = Function(
            self,
            Actor.FOLLOW,
            foundation,
            timeout=FOLLOW_TIMEOUT,
            environment=commits,
        )
        shortest = min(
            (seconds for version in versions for seconds in version.work_seconds), default=WITHOUT_WORK_SECONDS
        )
        self.work = Function(
            self,
            Actor.WORK,
            foundation,
            timeout=Duration.seconds(max(WORK_ENDS_BEFORE_SECONDS, shortest - WORK_ENDS_BEFORE_SECONDS)),
            environment={**commits, "EMR_BASE_URL": emr_base_url},
        )
        foundation.arns[On.FOLLOW] = [self.follow.function.function_arn]
        foundation.arns[On.WORK] = [self.work.function.function_arn]
