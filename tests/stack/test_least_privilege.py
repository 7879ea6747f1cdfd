"""Every permission of the one list is missed when it is taken away, and none is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from cdk.grants import GRANTS, Grant
from local.connection import Connection
from tests.stack.conftest import Night
from tests.stack.exercises import (
    EXERCISES,
    NOT_ENFORCED,
    POLLING,
    READING_A_STREAM,
    Attempt,
    Gym,
    exercise_of,
)
from tests.stack.roles import Roles, lacking
from tests.stack.ward import Ward

pytestmark = pytest.mark.stack

MISSED_WITHIN_SECONDS = 20.0
"""A role is asked again every half second by what polls in its name; the rest notices at once."""

AGAIN_AFTER_SECONDS = 0.1

ENFORCED = [grant for grant in GRANTS if grant.verb not in NOT_ENFORCED]

SECONDS_EACH = (*POLLING, *READING_A_STREAM, "secretsmanager:GetSecretValue", "lambda:InvokeFunction")
"""To miss one of these takes a new worker, or a mapping or a machine that tries again."""


def _rows() -> Iterator[object]:
    """Every row of the list; of those that take seconds, the first of each verb here and the others with the faults."""
    seen: set[str] = set()
    for grant in ENFORCED:
        again = grant.verb in SECONDS_EACH and grant.verb in seen
        seen.add(grant.verb)
        marks = [pytest.mark.faults] if again else []
        yield pytest.param(grant, marks=marks, id=f"{grant.actor} {grant.verb} on {grant.on}")


@pytest.fixture(scope="module")
def gym(played: Night) -> Iterator[Gym]:
    """The deployed stack after its night. Nothing sweeps there but what an exercise asks to."""
    events = played.stack.aws.client("events")
    (sweep,) = (rule["Name"] for rule in events.list_rules()["Rules"] if rule.get("ScheduleExpression"))
    events.disable_rule(Name=sweep)
    yield Gym(Ward(played.stack))
    events.enable_rule(Name=sweep)


@pytest.fixture(scope="module")
def connection(gym: Gym) -> Connection:
    """The connection to it."""
    return gym.ward.connection


@pytest.mark.parametrize("grant", list(_rows()))
def test_a_permission_is_missed(gym: Gym, connection: Connection, grant: Grant) -> None:
    attempt = exercise_of(grant)(gym)
    with Roles(connection).without(grant):
        _until(attempt, lambda said: said is not None and _refusal(grant) in said)
    _until(attempt, lambda said: said is None)


def _refusal(grant: Grant) -> str:
    # Without the key, what is refused is the call that needs it; here the refusal names that call and not the key.
    return "not authorized to perform: " + ("" if grant.verb.startswith("kms:") else f"{grant.verb} ")


def _until(attempt: Attempt, holds: Callable[[str | None], bool]) -> None:
    end = time.monotonic() + MISSED_WITHIN_SECONDS
    while not holds(said := attempt()):
        assert time.monotonic() < end, f"the last attempt said: {said}"
        time.sleep(AGAIN_AFTER_SECONDS)


def test_no_exercise_is_left_over() -> None:
    rows = {(grant.actor, grant.verb, grant.on) for grant in GRANTS}
    assert set(EXERCISES) - rows == set()


def test_what_is_not_enforced_here_is_named_with_its_reason() -> None:
    assert {grant.verb for grant in GRANTS} >= set(NOT_ENFORCED)
    assert {verb.split(":")[0] for verb in NOT_ENFORCED} == {"xray", "logs"}
    assert not set(NOT_ENFORCED) & {verb for _, verb, _ in EXERCISES}


def test_one_permission_less_is_one_permission_less() -> None:
    some = ENFORCED[0]
    document = {"Statement": [{"Action": [some.verb, "x:Y"], "Resource": "arn:aws:logs:x:y:log-group:z:*"}]}
    assert lacking(document, some) == {"Statement": [{"Action": ["x:Y"], "Resource": "arn:aws:logs:x:y:log-group:z:*"}]}
    with pytest.raises(AssertionError):
        lacking({"Statement": []}, some)
