"""What `baton status` says of a running stack."""

from __future__ import annotations

import time

from functions.cases.quarantine import quarantined
from local.connection import Connection
from statemachines.facilities import facilities


def status(connection: Connection) -> int:
    """Print open and late cases, quarantine and dead letters; 0 when nothing is late or stuck."""
    rows = connection.cases(facilities())
    now = time.time()
    opened = [row for row in rows if row.ended_at is None]
    late = [row for row in opened if row.case.due is not None and row.case.due < now]
    kept = list(quarantined(connection.services))
    sqs = connection.aws.client("sqs")
    letters = 0
    for url in connection.outputs.dead_letters.values():
        counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        letters += int(counted["Attributes"]["ApproximateNumberOfMessages"])
    print(f"{len(rows)} cases, {len(opened)} open, {len(late)} past their deadline")
    print(f"{len(kept)} messages in quarantine, {letters} dead letters")
    for message in kept:
        print(f"  {message.id[:8]}  {message.reason} at {message.where}: {message.mend}")
    return 1 if late or letters else 0
