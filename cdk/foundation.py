"""What every capability of the stack stands on: the runtime, the bundles, the customer key, and who may use what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.bundling import Bundle
from cdk.grants import GRANTS, Actor, On
from cdk.target import Runtime

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""For what holds, or is needed to read, patients' data: it outlives the stack, unless the stack never came to be."""

LOGS_KEPT = logs.RetentionDays.THREE_MONTHS


@dataclass(frozen=True, slots=True)
class Foundation:
    """Shared by all capabilities; each adds the ARNs of what it makes, so that later ones can be granted its use."""

    runtime: Runtime
    bundles: Mapping[Actor, Bundle]
    key: kms.IKey
    arns: dict[On, Sequence[str]] = field(default_factory=dict)


def key(scope: Construct) -> kms.IKey:
    """The customer key of everything that may hold PHI, and the services that may use it on their own."""
    made = kms.Key(
        scope,
        "Key",
        description=f"{Stack.of(scope).stack_name}: table, queues, secret, bus, logs",
        enable_key_rotation=True,
        removal_policy=KEPT,
    )
    ours = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
    use = ["kms:Decrypt", "kms:GenerateDataKey"]
    # EventBridge: the bus, and encrypted queues as targets of its rules. CloudWatch: alarms to an encrypted topic.
    for sid, service, verbs, condition in (
        ("Events", "events.amazonaws.com", [*use, "kms:DescribeKey"], ours),
        ("Alarms", "cloudwatch.amazonaws.com", use, ours),
        (
            "Logs",
            f"logs.{Aws.REGION}.amazonaws.com",
            [*use, "kms:Encrypt", "kms:DescribeKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": _arn("logs", "log-group:*")}},
        ),
    ):
        made.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service)],
                actions=verbs,
                resources=["*"],  # in a key's policy: this key
                conditions=condition,
            )
        )
    # Known by its ARN only, so that nothing else adds to its policy.
    return kms.Key.from_key_arn(scope, "KeyInUse", made.key_arn)


def _arn(service: str, rest: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{rest}"


def role(scope: Construct, actor: Actor, service: str, foundation: Foundation, own_logs: logs.ILogGroup) -> iam.IRole:
    """The role of `actor`, with the permissions of `grants` and no way for the CDK to add others."""
    arns = {**foundation.arns, On.KEY: [foundation.key.key_arn], On.OWN_LOGS: [own_logs.log_group_arn], On.ANY: ["*"]}
    verbs: dict[On, list[str]] = {}
    for grant in GRANTS:
        if grant.actor is actor:
            verbs.setdefault(grant.on, []).append(grant.verb)
    statements = [
        iam.PolicyStatement(actions=allowed, resources=list(arns[on]), conditions=_only(on))
        for on, allowed in verbs.items()
    ]
    made = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal(service),
        # Inside the role, so that a role never exists without its permissions, nor a mapping before them.
        inline_policies={"Grants": iam.PolicyDocument(statements=statements)},
    )
    return made.without_policy_updates()


def _only(on: On) -> dict[str, dict[str, list[str]]] | None:
    if on is not On.KEY:
        return None
    services = ("dynamodb", "secretsmanager", "sqs")
    return {"StringEquals": {"kms:ViaService": [f"{service}.{Aws.REGION}.{Aws.URL_SUFFIX}" for service in services]}}


def log_group(scope: Construct, foundation: Foundation, name: str | None = None) -> logs.LogGroup:
    """A log group under the customer key. Logs hold no PHI and go with the stack."""
    return logs.LogGroup(
        scope,
        "Logs",
        log_group_name=name,
        retention=LOGS_KEPT,
        encryption_key=foundation.key,
        removal_policy=RemovalPolicy.DESTROY,
    )


def architecture(runtime: Runtime) -> lambda_.Architecture:
    """The CDK's name of the processor."""
    return lambda_.Architecture.ARM_64 if runtime.architecture == "arm64" else lambda_.Architecture.X86_64
