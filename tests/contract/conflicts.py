"""TransactionConflict on DynamoDB's own wire format.

AWS refuses a write while another transaction is under way on one of its rows. Neither moto nor the embedded AWS ever does, so it
is put into the answers: Amazon DynamoDB API reference, TransactWriteItems (CancellationReasons) and UpdateItem.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_ONGOING = "Transaction is ongoing for the item"


class _Body(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        while chunk := self.read(4096):
            yield chunk


@contextmanager
def conflicting(client: Any) -> Iterator[None]:
    """Every other write of a client meets a transaction that is under way, and is not carried out."""
    count = itertools.count()

    def answer(request: Any, **_: object) -> AWSResponse | None:
        if next(count) % 2 == 0:
            return None
        if request.headers["X-Amz-Target"].decode().endswith("TransactWriteItems"):
            items = json.loads(request.body)["TransactItems"]
            reasons = [{"Code": "TransactionConflict", "Message": _ONGOING}, *[{"Code": "None"}] * (len(items) - 1)]
            error = {
                "__type": f"{_PREFIX}TransactionCanceledException",
                "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
                "CancellationReasons": reasons,
            }
        else:
            error = {"__type": f"{_PREFIX}TransactionConflictException", "message": _ONGOING}
        body: Any = _Body(json.dumps(error).encode())
        return AWSResponse(
            request.url, 400, HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"}), body
        )

    for operation in _WRITES:
        client.meta.events.register_first(f"before-send.dynamodb.{operation}", answer)
    try:
        yield
    finally:
        for operation in _WRITES:
            client.meta.events.unregister(f"before-send.dynamodb.{operation}", answer)
