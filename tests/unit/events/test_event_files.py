"""Events in files: three forms, and faults with file, line, place and mend."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import CATALOG
from events.files import EventFileError, load_events
from events.unreadable import UnreadableReason

Delivered = Callable[[str], dict[str, Any]]
R = UnreadableReason
NAMES = list(CATALOG)


def flat(event: dict[str, Any]) -> dict[str, Any]:
    return {"source": event["source"], **event["detail"]}


def fault_in(folder: Path, content: str | bytes) -> EventFileError:
    path = folder / "ward.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EventFileError) as fault:
        load_events(path)
    return fault.value


def flat_with_detail_type(event: dict[str, Any]) -> dict[str, Any]:
    named = flat(event)
    named["detail-type"] = named.pop("type")
    return named


@pytest.mark.parametrize("form", [dict, flat, flat_with_detail_type])
@pytest.mark.parametrize(
    ("write", "lines"),
    [
        (lambda events: "\n".join(map(json.dumps, events)), [1, 2, 3]),
        (lambda events: "\n\n".join(map(json.dumps, events)) + "\r\n\n", [1, 3, 5]),
        (json.dumps, [1, 1, 1]),
        (lambda events: "\n[\n" + ",\n".join(map(json.dumps, events)) + "\n]\n", [3, 4, 5]),
        (lambda events: "\ufeff" + "\n".join(map(json.dumps, events)), [1, 2, 3]),
    ],
)
def test_the_forms_of_a_file(
    form: Callable[[dict[str, Any]], dict[str, Any]],
    write: Callable[[list[dict[str, Any]]], str],
    lines: list[int],
    delivered: Delivered,
    tmp_path: Path,
) -> None:
    names = ["oxygen_ordered", "spo2_observed", "shift_started"]
    path = tmp_path / "ward.json"
    path.write_text(write([form(delivered(name)) for name in names]), encoding="utf-8")

    loaded = load_events(path)

    assert [each.envelope.type for each in loaded] == names
    assert [each.source for each in loaded] == ["baton.platform", "baton.emr", "baton.roster"]
    assert [each.line for each in loaded] == lines


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_hold_one_event(name: str, delivered: Delivered, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(delivered(name), indent=2), encoding="utf-8")

    (one,) = load_events(path)

    assert (one.envelope.type, one.line) == (name, 1)


@pytest.mark.parametrize("empty", ["", " \n\n", "[]", "[ \n ]"])
def test_a_file_may_hold_none(empty: str, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_text(empty, encoding="utf-8")

    assert load_events(path) == []


def test_a_fault_names_file_line_place_and_mend(delivered: Delivered, tmp_path: Path) -> None:
    good, bad = delivered("spo2_observed"), flat(delivered("spo2_observed"))
    bad["data"]["spo2_percent"] = 140

    fault = fault_in(tmp_path, f"{json.dumps(good)}\n{json.dumps(bad)}\n")

    assert (fault.line, fault.reason, fault.where) == (2, R.OUT_OF_RANGE, "detail.data.spo2_percent")
    assert str(fault) == f"{tmp_path / 'ward.json'}:2: out_of_range at detail.data.spo2_percent: {fault.mend}"
    assert "140" not in str(fault)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("{\n", 1, R.INVALID_JSON),
        ("[", 1, R.INVALID_JSON),
        ("\n[GOOD\nGOOD]", 3, R.INVALID_JSON),
        ("[GOOD,\n]", 2, R.INVALID_JSON),
        ("[GOOD\n", 2, R.INVALID_JSON),
        ("[GOOD]\nGOOD", 2, R.INVALID_JSON),
        ("GOOD,\nGOOD", 1, R.INVALID_JSON),
        ("GOOD\nNaN", 2, R.INVALID_JSON),
        ("GOOD\n" + "9" * 5000, 2, R.INVALID_JSON),
        ("GOOD\n" + "[" * 100_000, 2, R.INVALID_JSON),
        ("GOOD\n\n3", 3, R.NOT_AN_EVENT),
        ("GOOD\n{}", 2, R.NOT_AN_EVENT),
        ('GOOD\n{"source": "baton.emr", "type": "no_such"}', 2, R.UNKNOWN_TYPE),
        ('GOOD\n{"source": "baton.emr", "detail-type": "patient_died"}', 2, R.MISSING_FIELD),
        ("GOOD\n[GOOD]", 2, R.NOT_AN_EVENT),
    ],
)
def test_what_is_no_file_of_events(
    content: str, line: int, reason: UnreadableReason, delivered: Delivered, tmp_path: Path
) -> None:
    fault = fault_in(tmp_path, content.replace("GOOD", json.dumps(delivered("patient_died"))))

    assert (fault.line, fault.reason) == (line, reason)
    assert fault.mend


def test_a_file_that_is_not_utf_8_is_told_its_line(tmp_path: Path) -> None:
    fault = fault_in(tmp_path, b'{"a": 1}\n{"a": "\xff"}')

    assert (fault.line, fault.reason, fault.mend) == (2, R.INVALID_JSON, "write the file in UTF-8")


def test_half_a_character_is_told_its_place(delivered: Delivered, tmp_path: Path) -> None:
    event = delivered("oxygen_discontinued")
    event["detail"]["data"]["reason"] = "\ud800"

    fault = fault_in(tmp_path, json.dumps(event))

    assert (fault.reason, fault.where) == (R.WRONG_TYPE, "detail.data.reason")
    assert fault.mend.startswith("must be text.")


def test_a_missing_file_is_the_operating_systems_to_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_events(tmp_path / "none.json")


@given(st.binary(max_size=60) | st.text('[]{},:"\n 1aNn\\', max_size=40).map(str.encode))
def test_any_file_is_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with suppress(EventFileError):
        assert load_events(path) == []
