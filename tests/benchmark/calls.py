"""AWS calls per event, counted where botocore makes them, with the real adapters on the embedded AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from functions.cases.follow import dispatch
from functions.cases.intake import take_in
from functions.cases.rows import CaseRow
from tests.stack.executions import entered
from tests.stack.ward import Ward

READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
TRANSACTIONS = frozenset({"TransactWriteItems"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"})
SIGNALS = frozenset({"StartExecution", "SendTaskSuccess", "SendTaskFailure"})

Calls = Counter[str]


class Counting:
    """Counts the calls of a stack's connection. In the functions each of them is a call of AWS as well."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._seen: Calls | None = None
        for service in ("dynamodb", "stepfunctions", "secretsmanager", "sqs", "events", "kms"):
            ward.connection.aws.client(service).meta.events.register(f"before-call.{service}", self._count)

    def _count(self, model: Any, **_: object) -> None:
        if self._seen is not None:
            self._seen[model.name] += 1

    @contextmanager
    def calls(self) -> Iterator[Calls]:
        """The calls made inside, by operation."""
        seen: Calls = Counter()
        self._seen = seen
        try:
            yield seen
        finally:
            self._seen = None

    def of(self, act: Callable[[], object]) -> Calls:
        """The calls that something makes."""
        with self.calls() as seen:
            act()
        return seen


def kinds(calls: Mapping[str, int]) -> dict[str, int]:
    """Calls by what they cost: reads, transactions, single writes, signals; and in all."""
    named = {"reads": READS, "transactions": TRANSACTIONS, "writes": WRITES, "signals": SIGNALS}
    return {kind: sum(calls.get(each, 0) for each in names) for kind, names in named.items()} | {
        "all": sum(calls.values())
    }


def per_event(ward: Ward) -> dict[str, Calls]:
    """The calls of each kind of event, in a worker that knows the facility already, by what the event does."""
    counting = Counting(ward)

    def taken(raw: str) -> Calls:
        with counting.calls() as seen:
            result = take_in(ward.followed, raw)
        if not isinstance(result, list):
            raise RuntimeError(f"an event to be counted was quarantined: {result.reason}")
        return seen

    warm = ward.parked("ordered")
    opening = ward.next(ward.encounter(), "ordered")
    counted = {"opens a case": taken(opening), "repeats one": taken(opening)}
    assert warm.encounter is not None
    counted["moves a case"] = taken(ward.next(warm.encounter, "assessment_due"))
    moved = ward.eventually(lambda: _waits(ward, warm.id))
    assert moved.park is not None
    vital = ward.raw("spo2_observed", moved.encounter, spo2_percent=96)
    counted["moves nothing (a vital)"] = taken(vital)
    request = {
        "action": "park",
        "case": moved.id,
        "generation": moved.generation,
        "visit": moved.visit,
        "entry": 0,
        "attempt": moved.park.attempt + 1,
        "token": moved.park.token,
    }
    counted["follow: an execution waits"] = counting.of(lambda: dispatch(ward.followed, request))
    return counted


def _waits(ward: Ward, case: str) -> CaseRow | None:
    row = ward.row(case)
    return row if row.parked_visit == row.visit else None


def transitions_per_hand_off(ward: Ward) -> float:
    """State transitions that Step Functions bills for one hand-off between people, from an execution's history.

    AWS bills each entry of a state (https://aws.amazon.com/step-functions/pricing/).
    """
    row = ward.parked("ordered")
    before = len(entered(ward.connection, row))
    hand_offs = ("assessment_due", "titrated_undocumented", "documented_unsigned")
    for state in hand_offs:
        assert row.encounter is not None
        take_in(ward.followed, ward.next(row.encounter, state))
        ward.eventually(lambda: _waits(ward, row.id))
    return (len(entered(ward.connection, row)) - before) / len(hand_offs)
