"""Whatever the data holds, a replay ends, and every record is accounted for."""

import io
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.replay.command import newest
from local.replay.course import Assessments, Settings
from local.replay.in_memory import InMemory
from local.replay.mapping.fhir import resource
from local.replay.message import DEFAULT_KEY, Names
from local.replay.readers.bundle import entries
from local.replay.readers.record import BrokenFile
from local.replay.replay import Replay
from local.replay.times import Times, declared_offset
from statemachines.facilities import facilities
from statemachines.workflows.oxygen import OXYGEN
from tests.unit.replay.made_up import (
    DEVICE,
    FIO2,
    FLOW,
    RATE,
    SECOND_DEVICE,
    SECOND_FLOW,
    SPO2,
    STAY_COLUMNS,
    TOTAL_RATE,
    charted,
    clock,
    observation,
    stayed,
    write_table,
)

DAY = 24 * 60
TIMES = Times(declared_offset("Z"))

_minutes = st.integers(0, 3 * DAY)
_values = st.one_of(
    st.sampled_from([0, 0.21, 0.4, 1, 2, 21, 40, 88, 93, 95, 98, 100, 140, "None", "Nasal cannula", "", "nan", "high"]),
    st.floats(-10, 200),
)
_rows = st.builds(
    lambda item, value, at, late, stay, error: charted(
        item, value, at, stay=stay, stored=clock(at + late), error=error
    ),
    st.sampled_from([SPO2, RATE, TOTAL_RATE, FIO2, FLOW, SECOND_FLOW, DEVICE, SECOND_DEVICE, "223770", "1"]),
    _values,
    _minutes,
    st.sampled_from([-30, -5, 0, 0, 0, 10, 600, 31 * DAY]),
    st.sampled_from(["S-1", "S-2", ""]),
    st.sampled_from(["", "0", "1"]),
)
_stays = st.builds(lambda until, stay: stayed(until, stay=stay), _minutes, st.sampled_from(["S-1", "S-2"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(_rows, max_size=30),
    st.lists(_stays, max_size=2),
    st.sampled_from(sorted(facilities())),
    st.sampled_from(list(Assessments)),
    st.booleans(),
)
def test_every_record_is_accounted_for_and_execution_and_journal_agree(
    rows: list[dict[str, str]], stays: list[dict[str, str]], facility: str, assessments: Assessments, waits: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "chart.csv", rows)
        write_table(folder / "stays.csv", stays, STAY_COLUMNS)
        policy = facilities()[facility]
        documentation = str(policy.resolve(OXYGEN)["documentation"])
        replay = Replay(
            folder,
            TIMES,
            Settings(facility, documentation, assessments=assessments),
            Names(DEFAULT_KEY),
            charted_ahead_waits=waits,
        )
        summary = replay.run(lambda ledger, span: InMemory(newest(), policy, ledger, span=span))
    assert summary.adds_up
    assert summary.records == len(rows) + len(stays)
    assert summary.cases is None or not summary.cases.disagreeing


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.sampled_from(sorted({*observation("2708-6", 95), "component", "issued", "meta", "period", "hospitalization"})),
    _json,
    st.sampled_from(["Observation", "Encounter", "Patient"]),
)
def test_a_resource_of_any_shape_states_something_or_has_a_reason(field: str, value: Any, kind: str) -> None:
    content = observation("2708-6", 95) | {
        "resourceType": kind,
        "status": "finished" if kind == "Encounter" else "final",
    }
    resource(content | {"period": {"end": content["effectiveDateTime"]}} | {field: value}, TIMES)


@settings(deadline=None)
@given(st.text(alphabet='{}[]":,abentryrsouc0123 \n\\', max_size=200))
def test_text_of_any_kind_is_read_or_said_to_be_broken(text: str) -> None:
    try:
        for _ in entries(io.StringIO(text)):
            pass
    except BrokenFile:
        pass
