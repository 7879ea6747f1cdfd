"""The mirrors port on the FIFO queue of write-back: one message group per case, so there is one writer per case, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class WritebackQueue:
    """The queue that write-back reads."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client, self._url = client, url

    def ask(self, case: str, entry: str) -> None:
        """See Mirrors.ask. Raises botocore's errors; asking again is harmless."""
        self._send(case, entry, {"case": case})

    def check(self, case: str, entry: str) -> None:
        """See Mirrors.check. Raises botocore's errors; asking again is harmless."""
        self._send(case, entry, {"case": case, "check": True})

    def _send(self, case: str, entry: str, body: Mapping[str, object]) -> None:
        self._client.send_message(
            QueueUrl=self._url,
            MessageGroupId=case,
            MessageDeduplicationId=f"{case}-{entry}",
            MessageBody=json.dumps(body),
        )
