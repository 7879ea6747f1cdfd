"""A FIFO queue's message groups are handled side by side; within a group, in order and one batch at a time.

AWS: "Lambda sorts the messages into groups and sends only one batch at a time for a group", and groups run
concurrently, at most MaximumConcurrency of them; a group whose messages fail waits for their visibility timeout,
others do not (developer guide, "Using Lambda with Amazon SQS", FIFO queues).
MiniStack: one batch at a time for the whole queue.
Baton: the group is the case, so a slow or dead EMR of one facility must hold up its own cases only.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.services import lambda_svc, sqs


def apply() -> None:
    """Give each batch one group, and let as many batches run as a standard queue may have."""
    sqs_esm_concurrency = lambda_svc._sqs_esm_concurrency
    receive_messages_for_esm = sqs._receive_messages_for_esm

    def concurrency(mapping: Any, function: Any, config: Any, _queue: Any = None) -> Any:
        return sqs_esm_concurrency(mapping, function, config)

    def receive(url: str, most: int) -> Any:
        with sqs._queues_lock:
            queue = sqs._get_q(url)
            if queue["is_fifo"]:
                return next_group(queue, most)
        return receive_messages_for_esm(url, most)

    lambda_svc._sqs_esm_concurrency = concurrency
    sqs._receive_messages_for_esm = receive


def next_group(queue: dict[str, Any], most: int) -> Any:
    """Receive up to `most` messages of the first group that has a visible message and none in flight."""
    sqs._expire_retained(queue)
    sqs._dlq_sweep(queue)
    now = time.time()
    for message in queue["messages"]:
        sqs._ensure_msg_fields(message)
    held = {message["group_id"] for message in queue["messages"] if message["visible_at"] > now}
    for first in queue["messages"]:
        if first["group_id"] not in held:
            group = [message for message in queue["messages"] if message["group_id"] == first["group_id"]]
            timeout = int(queue["attributes"].get("VisibilityTimeout", "30"))
            return sqs._collect_msgs({**queue, "messages": group}, min(most, 10), timeout)
    return []
