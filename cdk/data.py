"""The journal's table, and the secret from which keys are derived."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.foundation import KEPT, Foundation
from cdk.grants import On


class Data(Construct):
    """One table for everything, with its three indexes and its stream; one secret for the HMACs in its keys."""

    def __init__(self, scope: Construct, foundation: Foundation) -> None:
        super().__init__(scope, "Data")
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_attribute("pk"),
            sort_key=_attribute("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=foundation.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute="expires_at",
            removal_policy=KEPT,
        )
        # Sparse: an item is in an index only while it has both attributes. Times are epoch seconds.
        for name, hash_key, range_key, projection in (
            ("worklist", "worklist", "due", dynamodb.ProjectionType.ALL),
            ("sweep", "sweep", "look_at", dynamodb.ProjectionType.KEYS_ONLY),
            ("cases", "facility_cases", "opened_at", dynamodb.ProjectionType.KEYS_ONLY),
        ):
            self.table.add_global_secondary_index(
                index_name=name,
                partition_key=_attribute(hash_key),
                sort_key=_attribute(range_key, dynamodb.AttributeType.NUMBER),
                projection_type=projection,
            )
        # Never rotated: every key of every open case is derived from it.
        secret = secretsmanager.CfnSecret(
            self,
            "HmacSecret",
            description="Derives case ids and correlation keys from people's identifiers",
            kms_key_id=foundation.key.key_arn,
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                password_length=64, exclude_punctuation=True
            ),
        )
        secret.apply_removal_policy(KEPT)
        self.hmac_secret_arn = secret.attr_id
        stream = self.table.table_stream_arn
        assert stream is not None  # it was asked for above
        self.stream_arn = stream
        foundation.arns[On.TABLE] = [self.table.table_arn]
        foundation.arns[On.INDEXES] = [f"{self.table.table_arn}/index/{name}" for name in ("sweep",)]
        foundation.arns[On.STREAM] = [stream]
        foundation.arns[On.HMAC_SECRET] = [self.hmac_secret_arn]


def _attribute(name: str, type: dynamodb.AttributeType = dynamodb.AttributeType.STRING) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=type)
