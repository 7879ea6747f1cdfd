"""Events a second through the whole embedded stack, beside as many bare invocations of a function there."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from functions.cases import keys
from functions.cases.rows import CaseRow
from functions.cases.store import load_case
from functions.cases.table import Key
from local.aws.running import ACCOUNT, RunningAws
from tests.stack.ward import COURSE, FACILITY, Ward

CASES = 24
"""Cases under way side by side: each sends its next event when the one before has been placed, so no burst builds up."""

EVENTS = tuple(COURSE)
FILED = frozenset({"confirming", "complete"})
LONGEST_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Throughput:
    """Events, and how many a second; ``followed`` counts the time until executions had caught up, too."""

    events: int
    placed: float
    followed: float
    invocations: float

    @property
    def ratio(self) -> float:
        """Events placed, for each bare invocation."""
        return self.placed / self.invocations


@dataclass
class Course:
    """One case on its way: how many of its events were sent, and the mark of the last."""

    encounter: str
    sent: int = 0
    mark: Key | None = None


def measure(ward: Ward) -> Throughput:
    """Send every case through the course, then as many bare invocations, as many at once; both when their workers are warm."""
    _through(ward)
    placed, followed = _through(ward)
    events = CASES * len(EVENTS)
    return Throughput(events, events / placed, events / followed, events / _bare(ward.connection.aws, events))


def _through(ward: Ward) -> tuple[float, float]:
    """Seconds until every event has been placed, and until every execution has followed."""
    began = time.perf_counter()
    courses = [Course(ward.encounter()) for _ in range(CASES)]
    _all_placed(ward, courses, began)
    placed = time.perf_counter() - began
    _all_followed(ward, [_row(ward, course) for course in courses], began)
    return placed, time.perf_counter() - began


def _all_placed(ward: Ward, courses: Sequence[Course], began: float) -> None:
    while True:
        _in_time(began)
        entries = []
        waiting = False
        for course in courses:
            if course.mark is not None and ward.connection.table.get(course.mark) is None:
                waiting = True
                continue
            if course.sent < len(EVENTS):
                entries.append(_entry(ward, course))
                waiting = True
        if not waiting:
            return
        if entries:
            ward.connection.put(entries)
        else:
            time.sleep(_LOOK_EVERY_SECONDS)


def _entry(ward: Ward, course: Course) -> dict[str, Any]:
    message = json.loads(ward.next(course.encounter, EVENTS[course.sent]))
    course.sent += 1
    course.mark = ward.alone.keys.mark(FACILITY, message["detail"]["event_id"], "oxygen")
    detail = json.dumps(message["detail"])
    return {"Source": message["source"], "DetailType": message["detail-type"], "Detail": detail}


def _row(ward: Ward, course: Course) -> CaseRow:
    correlation = ward.alone.keys.correlation(FACILITY, "oxygen", course.encounter)
    place = ward.connection.table.get(Key(correlation, keys.OPEN))
    if place is None:
        raise LookupError(f"{course.encounter} has no case")
    return ward.row(place["case"])


def _all_followed(ward: Ward, rows: Sequence[CaseRow], began: float) -> None:
    """Every execution has come to the last step, which it performs itself."""
    behind = [row.id for row in rows]
    while behind:
        _in_time(began)
        time.sleep(_LOOK_EVERY_SECONDS)
        behind = [case for case in behind if (row := load_case(ward.alone, case)) is None or row.state not in FILED]


def _in_time(began: float) -> None:
    if time.perf_counter() - began > LONGEST_SECONDS:
        raise TimeoutError(f"the events were not through in {LONGEST_SECONDS:.0f} s")


def _bare(aws: RunningAws, times: int) -> float:
    """Seconds that so many invocations of a function that does nothing take, as many at once as there were cases."""
    name = "bare-function"
    client = aws.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=_role(aws),
        Code={"ZipFile": _zipped("def handler(event, context):\n    return event\n")},
        Timeout=20,
    )
    payload = json.dumps({"hello": "world"})
    with ThreadPoolExecutor(CASES) as pool:
        call = lambda _: client.invoke(FunctionName=name, Payload=payload)["Payload"].read()  # noqa: E731
        list(pool.map(call, range(CASES)))  # warm, as the deployed functions are by then
        began = time.perf_counter()
        list(pool.map(call, range(times)))
        return time.perf_counter() - began


def _role(aws: RunningAws) -> str:
    principal = {"Service": "lambda.amazonaws.com"}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    document = json.dumps({"Version": "2012-10-17", **trust})
    aws.client("iam").create_role(RoleName="bare-function", AssumeRolePolicyDocument=document)
    return f"arn:aws:iam::{ACCOUNT}:role/bare-function"


def _zipped(source: str) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", source)
    return code.getvalue()
