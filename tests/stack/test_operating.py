"""What `baton send`, `claim`, `quarantine`, `redrive` and `facility` do, on the deployed stack."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.cases import commands
from functions.cases.commands import Command, Person
from functions.cases.quarantine import quarantined
from local import facility
from local.mend import redrive
from local.paths import CHECKOUT
from local.problem import Problem
from local.send import admit, deliver, moved_to, read
from local.stack import newest
from statemachines.facilities import facilities
from statemachines.policy import dump
from tests.stack.conftest import Night

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WAIT_SECONDS = 120.0


def test_the_try_out_file_opens_a_case_that_its_therapist_claims(played: Night) -> None:
    connection, emr = played.stack.connection, played.stack.emr
    before = {row.id for row in connection.all_cases()}
    events = moved_to(read([CHECKOUT / "local/try.json"]), datetime.now(UTC))
    admit(connection, emr.base_url, events)
    *said, last = deliver(connection, events, wait_seconds=WAIT_SECONDS)
    assert last == f"{len(events)} sent"
    assert not [line for line in said if "not placed" in line or "quarantined" in line]
    (row,) = [row for row in connection.all_cases() if row.id not in before]
    assert connection.find(row.id[:12]).id == row.id
    claimed = commands.claim(connection.services, Command("try-claim", row.id, Person("RT-LINDEN", "RT")))
    assert (claimed.state, claimed.task and claimed.task.owner) == ("assessment_due", "RT-LINDEN")
    with pytest.raises(Problem, match="`baton cases` lists them"):
        connection.find("no such case")


def test_a_facility_is_registered_and_what_waited_for_it_goes_through(played: Night, tmp_path: Path) -> None:
    connection = played.stack.connection
    event = {
        "source": "baton.platform", "type": "oxygen_ordered", "event_id": "westbank-1", "schema_version": 1,
        "occurred_at": datetime.now(UTC).isoformat(), "facility": "westbank",
        "subject": {"patient": "P-westbank", "encounter": "E-westbank"}, "actor": {"id": "MD-TEAK", "role": "PROVIDER"},
        "data": {"order_id": "O-1", "age_years": 50},
    }  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(event))
    events = read([tmp_path / "order.json"])
    admit(connection, played.stack.emr.base_url, events)
    before = {kept.id for kept in quarantined(connection.services)}
    told, _ = deliver(connection, events, wait_seconds=WAIT_SECONDS)
    assert "quarantined: unknown_facility" in told
    (kept,) = [kept for kept in quarantined(connection.services) if kept.id not in before]

    (tmp_path / "westbank.json").write_text(
        dump(facilities()["northfield"].model_copy(update={"facility": "westbank"}))
    )
    policy = facility.read(tmp_path / "westbank.json")
    facility.register(connection.table, policy, newest(connection), connection.definitions)
    assert "westbank" in [row["facility"] for row in connection.facilities()]

    assert redrive(connection.services, kept.id).placed
    assert {kept.id for kept in quarantined(connection.services)} == before
    assert [row.state for row in connection.cases(["westbank"])] == ["ordered"]
