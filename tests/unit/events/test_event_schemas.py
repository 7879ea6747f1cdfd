"""The schemas are current, and say what intake does."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from events.catalog import CATALOG
from events.parse import Unreadable, UnreadableReason, check_event, parse_event
from events.schemas import FOLDER, file_name, rendered, schema_of
from events.schemas.__main__ import COMMAND, main
from events.schemas.readme import BEGIN, README, with_tables

Delivered = Callable[[str], dict[str, Any]]
SAMPLES = FOLDER.parent / "samples"
VALIDATORS = {name: Draft202012Validator(schema_of(kind)) for name, kind in CATALOG.items()}


def test_the_generated_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, f"{capsys.readouterr().err}run: {COMMAND}"


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """The schemas and the README, current, where they may be changed."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, folder)
    readme = Path(shutil.copy(README, tmp_path))
    main([], folder=folder, readme=readme)
    return folder, readme


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder, _: (folder / "note_signed.v1.json").unlink(), "note_signed.v1.json"),
        (lambda folder, _: (folder / "note_signed.v1.json").write_text("{}"), "note_signed.v1.json"),
        (lambda folder, _: (folder / "gone.v1.json").write_text("{}"), "gone.v1.json"),
        (lambda _, readme: readme.write_text(readme.read_text().replace("`fio2`", "`fio3`")), "README.md"),
    ],
)
def test_what_is_stale_is_named_and_mended(
    spoil: Callable[[Path, Path], None],
    named: str,
    copied: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, readme = copied
    assert main(["--check"], folder=folder, readme=readme) == 0
    spoil(folder, readme)
    capsys.readouterr()

    assert main(["--check"], folder=folder, readme=readme) == 1
    assert capsys.readouterr().err == f"not current: {named} (run: {COMMAND})\n"
    assert main([], folder=folder, readme=readme) == 0
    assert main(["--check"], folder=folder, readme=readme) == 0


def test_a_readme_without_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="lost the marks"):
        with_tables(README.read_text(encoding="utf-8").replace(BEGIN, ""))


def test_the_schemas_do_not_depend_on_the_run() -> None:
    program = "from events.catalog import CATALOG; from events.schemas import rendered; "
    program += "print(''.join(map(rendered, CATALOG.values())), end='')"

    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(FOLDER.parent.parent)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert runs == {"".join(map(rendered, CATALOG.values()))}


@pytest.mark.parametrize("name", CATALOG)
def test_every_schema_is_one(name: str) -> None:
    schema = json.loads((FOLDER / file_name(CATALOG[name])).read_text(encoding="utf-8"))

    Draft202012Validator.check_schema(schema)
    assert schema["title"] == name
    assert schema["additionalProperties"] is False
    assert schema["properties"]["data"]["additionalProperties"] is False


def test_there_is_one_sample_for_each_type() -> None:
    assert {path.stem for path in SAMPLES.iterdir()} == set(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_every_sample_is_valid_and_is_read(name: str, delivered: Delivered, now: datetime) -> None:
    sample = delivered(name)

    assert parse_event(json.dumps(sample), now=now).type == name
    VALIDATORS[name].validate(sample["detail"])


@pytest.mark.parametrize("name", CATALOG)
def test_a_sample_states_every_field(name: str, delivered: Delivered) -> None:
    assert list(delivered(name)["detail"]["data"]) == list(CATALOG[name].model.model_fields)


def test_samples_are_synthetic_and_distinct(delivered: Delivered) -> None:
    samples = [delivered(name) for name in CATALOG]

    assert len({sample["detail"]["event_id"] for sample in samples}) == len(samples)
    assert {sample["detail"].get("subject", {}).get("patient") for sample in samples} == {"P-0001", None}


ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, 1.0, 2, -1, 0.21, 0.2, 5.5, 20, 20.0, 21, 88, 100, 100.5, 201, 1e30),
        *("", " ", "a", "1", "a b", "RT", "a#b", "x" * 64, "x" * 65, "x" * 501, "a\x00", "a\nb"),
        *("2026-03-02T08:00:00Z", "2026-03-02T08:00:00", [], ["RT"], ["R T"], [1]),
        *({}, {"order_id": "O-1"}, {"Order": "O-1"}, {"order_id": 1}, {"x" * 65: "O-1"}),
    ]
)


@given(st.data())
def test_schema_and_intake_agree(delivered: Delivered, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(CATALOG)), label="type")
    event = delivered(name)
    at = event["detail"]
    for part in ("data", "subject", "actor", "correlation"):
        if part in at and data.draw(st.booleans(), label=part):
            at = at[part]
            break
    optional = ("unlisted", "actor", "subject", "correlation") if at is event["detail"] else ("unlisted",)
    key = data.draw(st.sampled_from(sorted({*at, *optional})), label="field")
    if key in at and data.draw(st.booleans(), label="remove"):
        del at[key]
    else:
        at[key] = data.draw(ODD, label="value")

    valid = VALIDATORS[name].is_valid(event["detail"])
    try:
        check_event(event)
        refused = None
    except Unreadable as refusal:
        refused = refusal

    in_reverse = refused is not None and "target_spo2_low must not be above" in refused.mend
    assert valid == (refused is None or in_reverse), refused


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("subject", None),
        ("actor", None),
        ("correlation", {"Order": "O-1"}),
        ("correlation", {f"id_{n}": "O-1" for n in range(17)}),
        ("occurred_at", "2026-03-02T13:00:00"),
        ("schema_version", 2),
        ("type", "note_signed"),
    ],
)
def test_a_schema_refuses_what_intake_refuses(part: str, value: object, delivered: Delivered) -> None:
    event = delivered("weaning_started")
    assert VALIDATORS["weaning_started"].is_valid(event["detail"])
    event["detail"][part] = value

    assert not VALIDATORS["weaning_started"].is_valid(event["detail"])
    with pytest.raises(Unreadable):
        check_event(event)


def test_what_a_schema_cannot_say_intake_checks(delivered: Delivered, now: datetime) -> None:
    def reason(name: str, **change: Any) -> UnreadableReason:
        event = delivered(name)
        data = change.pop("data", {})
        event["detail"] |= change
        event["detail"]["data"] |= data
        VALIDATORS[name].validate(event["detail"])
        with pytest.raises(Unreadable) as refusal:
            parse_event(json.dumps(event), now=now)
        return refusal.value.reason

    assert reason("patient_died", occurred_at="2027-01-01T00:00:00Z") is UnreadableReason.TIME_IN_FUTURE
    assert reason("patient_died", occurred_at="2026-02-30T00:00:00Z") is UnreadableReason.OUT_OF_RANGE
    assert reason("care_plan_updated", data={"target_spo2_low": 99}) is UnreadableReason.OUT_OF_RANGE


# The README


def test_the_readmes_command_publishes_a_readable_event(now: datetime) -> None:
    text = README.read_text(encoding="utf-8")
    found = re.search(r"aws events put-events --entries '(\[.*?\])'", text, re.DOTALL)
    assert found
    (entry,) = json.loads(found.group(1))

    raw = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}

    assert parse_event(json.dumps(raw), now=now).type == "oxygen_changed"


def test_the_readme_names_every_type_field_and_reason() -> None:
    text = README.read_text(encoding="utf-8")

    for name, kind in CATALOG.items():
        assert f"[`{name}`](schemas/{file_name(kind)})" in text
        for field in kind.model.model_fields:
            assert f"[`{name}`](samples/{name}.json) | `{field}` |" in text
    assert all(f"| `{reason}` |" in text for reason in UnreadableReason)


def test_the_readmes_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))

    assert len(links) > len(CATALOG)
    assert all((README.parent / link).exists() for link in links)
