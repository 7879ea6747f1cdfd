"""Documents that somebody else wrote: each fault located, never an exception; and the published schema says the same."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from statemachines.definition import Definition, dump
from statemachines.draft import questions
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.policy import dump as dump_policy
from statemachines.verify import Finding, codes, schema, verify
from statemachines.verify.document import read_policy, read_workflow
from statemachines.workflows import WORKFLOWS
from tests.unit.verify.good import FETCH, GOOD, POLICIES

ALL = (GOOD, FETCH, *WORKFLOWS.values())


def faults(change: dict[str, Any] | None = None, text: bytes | None = None) -> list[Finding]:
    document = {**json.loads(dump(GOOD)), **(change or {})}
    read = read_workflow(text if text is not None else json.dumps(document).encode(), "their.json")
    assert not isinstance(read, Definition)
    return list(read)


@pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)
def test_what_is_dumped_is_read(definition: Definition) -> None:
    assert read_workflow(dump(definition).encode(), "theirs.json") == definition


def test_an_overlay_is_read() -> None:
    for policy in facilities().values():
        assert read_policy(dump_policy(policy).encode(), "theirs.json") == policy
    refused = read_policy(
        b'{"facility": "hill", "title": "Hill", "calendar": {"time_zone": "Moon/North"}}', "hill.json"
    )
    assert not isinstance(refused, Policy)
    assert [finding.place.path for finding in refused] == ["$.calendar.time_zone", "$.always_staffed"]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (b"", "line 1, column 1", "no JSON"),
        (b'{"workflow": }', "line 1, column 14", "no JSON"),
        (b"\xff\xfe{}", "byte 0", "UTF-8"),
        (b"[" * 100_000, "$", "nested too deeply"),
        (b'{"a": 1, "a": 2}', '"a"', "twice"),
        (b'{"version": NaN}', "$", "NaN"),
        (b"[]", "$", "must be an object"),
        (b"null", "$", "must be an object"),
    ],
)
def test_what_is_no_document(text: bytes, where: str, says: str) -> None:
    (fault,) = faults(text=text)
    assert fault.place.path == where
    assert says in fault.sentence


def test_every_fault_has_its_json_path_and_one_finding() -> None:
    document = json.loads(dump(GOOD))
    document["states"][0]["kind"] = "wait"
    del document["states"][1]["emr"]
    document["states"][2]["deadline"]["within"]["amont"] = 3
    document["transitions"][4]["when"] = {
        "op": "all",
        "all": [
            {"op": "compare", "left": {"fct": "spo2"}, "comparator": "<", "right": {"value": [1]}},
            {"op": "maybe"},
            {"op": "not", "negated": {"op": "known", "fact": 3}},
        ],
    }
    found = {fault.place.path: fault.sentence for fault in faults(document)}
    assert list(found) == [
        "$.states[0].kind",
        "$.states[1].emr",
        "$.states[2].deadline.within.amont",
        "$.transitions[4].when.all[0].left",
        "$.transitions[4].when.all[0].right",
        "$.transitions[4].when.all[1]",
        "$.transitions[4].when.all[2].negated.fact",
    ]
    assert "'waiting', 'system' or 'end'" in found["$.states[0].kind"]
    assert '{"fact": …}' in found["$.transitions[4].when.all[0].left"]


def test_an_unknown_name_is_mended_with_the_known_ones() -> None:
    (fault,) = faults({"colour": "red"})
    assert fault.place.path == "$.colour"
    assert "workflow" in fault.mend
    assert "transitions" in fault.mend


def _places(part: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in pairs:
        yield from _places(value, (*at, key))


def _at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document


ODD: tuple[Any, ...] = (
    None,
    0,
    -1,
    0.5,
    1e308,
    "",
    "\x00",
    "spo2",
    "deadline_missed",
    "file_note.sent",
    "end",
    "system",
    True,
    [],
    {},
    10**400,
)


@pytest.mark.parametrize("seed", range(60))
def test_no_document_makes_it_fail(seed: int) -> None:
    """Parts exchanged, removed, repeated, or replaced by odd values: read or refused, and checked, without an error."""
    chance = random.Random(seed)
    base = json.loads(GOOD.model_dump_json())
    places = list(_places(base))
    for _ in range(4):
        document = copy.deepcopy(base)
        for _ in range(chance.choice((1, 1, 2, 3))):
            place = chance.choice(places)
            value = chance.choice(ODD) if chance.random() < 0.5 else copy.deepcopy(_at(base, chance.choice(places)))
            try:
                parent = _at(document, place[:-1])
                if not isinstance(parent, (dict, list)):
                    continue
                if chance.random() < 0.2:
                    del parent[place[-1]]
                elif isinstance(parent, list) and chance.random() < 0.3:
                    parent.append(value)
                else:
                    parent[place[-1]] = value
            except (KeyError, IndexError, TypeError):
                continue  # an earlier change removed the place
        read = read_workflow(json.dumps(document).encode(), "odd.json")
        if isinstance(read, Definition):
            for finding in verify(read, POLICIES, others={"fetch": FETCH}):
                assert finding.as_dict()
        else:
            assert read


def test_numbers_beyond_all_bounds_are_no_surprise() -> None:
    text = dump(GOOD).replace('"maximum": 95.0', '"maximum": 1e999').replace('"default": 96', '"default": 1e999')
    read = read_workflow(text.encode(), "huge.json")
    assert isinstance(read, Definition)
    assert "BTN-109" in {finding.code for finding in verify(read, POLICIES, others={"fetch": FETCH})}


@pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)
def test_the_schema_accepts_our_documents(definition: Definition) -> None:
    jsonschema.validate(json.loads(dump(definition)), schema.schema())


def test_the_schema_refuses_what_is_refused() -> None:
    validator = jsonschema.Draft202012Validator(schema.schema())
    validator.check_schema(schema.schema())
    for change in ({"states": 3}, {"colour": "red"}, {"version": 0}, {"correlation": "bed"}):
        assert list(validator.iter_errors({**json.loads(dump(GOOD)), **change})), change


def test_the_generated_files_are_current() -> None:
    assert schema.stale() == [], f"run: {schema.COMMAND}"


def test_a_stale_file_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        schema, "texts", lambda: {**{name: path.read_text() for name, path in schema.FILES.items()}, "README.md": "new"}
    )
    assert schema.main(["--check"]) == 1
    assert "README.md" in capsys.readouterr().out


def test_the_page_of_codes_has_every_finding_and_every_question_of_a_draft_once() -> None:
    page = schema.FILES["README.md"].read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(BTN-\d{3})`", page, re.MULTILINE)
    assert listed == [code.id for code in (*codes.CODES, *questions.CODES)]
    assert page.index("## What `baton draft` asks") < page.index(f"`{questions.CODES[0].id}`")
