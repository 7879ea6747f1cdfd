"""What a table's stream holds outlives an outage, as the place does that a mapping has read it to.

AWS: a stream's records can be read for 24 hours (developer guide, "Change data capture for DynamoDB Streams").
MiniStack: saves how far each mapping has read, and forgets the records: what was not read yet is lost, and so are as
many new ones as had been read.
Baton: the relay reads the journal from the stream; EMR and metrics learn of each entry from there.
"""

from __future__ import annotations

import copy
from typing import Any

from ministack.services import dynamodb

STREAMS = "streams"


def apply() -> None:
    """Save the streams with their tables, and bring them back with these."""
    get_state = dynamodb.get_state
    load_persisted_state = dynamodb.load_persisted_state

    def save() -> dict[str, Any]:
        streams = {name: copy.deepcopy(store) for name, store in stores().items()}
        return {**get_state(), STREAMS: streams}

    def load(saved: dict[str, Any]) -> None:
        load_persisted_state(saved)
        for name, store in stores().items():
            store.update(saved[STREAMS][name])

    dynamodb.get_state = save
    dynamodb.load_persisted_state = load


def stores() -> dict[str, Any]:
    """Where MiniStack keeps streams: their records, how many of them have expired, and those that were closed."""
    return {
        "records": dynamodb._stream_records,
        "expired": dynamodb._stream_trimmed,
        "closed": dynamodb._closed_streams,
    }
