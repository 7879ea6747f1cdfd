"""A Lambda function: its bundle, its role, its log group."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.foundation import Foundation, architecture, log_group, role
from cdk.grants import Actor


class Function(Construct):
    """One function of the stack, named after the stack and itself."""

    def __init__(
        self,
        scope: Construct,
        actor: Actor,
        foundation: Foundation,
        *,
        timeout: Duration,
        environment: Mapping[str, str],
        memory_mb: int = 512,
    ) -> None:
        super().__init__(scope, f"{actor.capitalize()}Function")
        self.actor = actor
        bundle = foundation.bundles[actor]
        logs = log_group(self, foundation)
        self.function = lambda_.Function(
            self,
            "Code",
            function_name=f"{Stack.of(self).stack_name}-{actor}",
            runtime=lambda_.Runtime(f"python{foundation.runtime.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=architecture(foundation.runtime),
            code=lambda_.Code.from_asset(str(bundle.path), asset_hash=bundle.hash),
            handler=bundle.handler,
            role=role(self, actor, "lambda.amazonaws.com", foundation, logs),
            log_group=logs,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout,
            memory_size=memory_mb,
            environment={
                **environment,
                "LOG_LEVEL": "INFO",
                "POWERTOOLS_SERVICE_NAME": str(actor),
                "POWERTOOLS_METRICS_NAMESPACE": "Baton",
                # Results and exceptions may hold PHI; traces may not.
                "POWERTOOLS_TRACER_CAPTURE_RESPONSE": "false",
                "POWERTOOLS_TRACER_CAPTURE_ERROR": "false",
            },
        )
