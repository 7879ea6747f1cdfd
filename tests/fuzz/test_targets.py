"""Every way in from outside under Hypothesis; and that the harness would notice a promise that is broken."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.catalog import CATALOG
from functions.cases import intake as intake_use_case
from functions.cases import marks
from functions.intake import handler as intake
from local import facility
from tests.fuzz.found import NAMES, Found, joined, split
from tests.fuzz.guided import guided
from tests.fuzz.mutate import CANARY, MOST_MESSAGES, SEPARATOR, mutate
from tests.fuzz.seen import Line, lines
from tests.fuzz.targets import TARGETS, Broken, run_intake, run_overlay, seeds

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXTS = st.one_of(st.text(max_size=40), st.sampled_from([CANARY, "northfield", "2026-03-02T08:00:00Z", "\ud800", ""]))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
DOCUMENTS = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=5), max_leaves=20
)
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": TEXTS,
        "type": st.sampled_from(sorted(CATALOG)) | TEXTS,
        "schema_version": st.just(1) | LEAVES,
        "occurred_at": st.sampled_from(["2026-03-02T08:00:00Z", "2026-03-02T07:00:00", "2030-01-01T00:00:00Z"])
        | LEAVES,
        "facility": TEXTS,
        "subject": st.just({"patient": CANARY, "encounter": CANARY}) | DOCUMENTS,
        "actor": st.just({"id": CANARY, "role": "RT"}) | DOCUMENTS,
        "correlation": DOCUMENTS,
        "data": st.just({}) | DOCUMENTS,
    },
)
EVENTS = st.builds(
    lambda source, type, detail: {"source": source, "detail-type": type, "detail": detail},
    st.sampled_from(["baton.platform", "baton.emr", "baton.roster", "baton.orchestrator", CANARY]),
    st.sampled_from(sorted(CATALOG)) | TEXTS,
    DETAILS | DOCUMENTS,
)
BODIES = st.one_of(EVENTS.map(json.dumps), DOCUMENTS.map(json.dumps), st.text(max_size=80))


@pytest.mark.parametrize("name", NAMES)
def test_good_inputs_and_those_that_once_broke_something_keep_every_promise(name: str) -> None:
    inputs = seeds(TARGETS[name])
    assert inputs
    for given_ in inputs:
        TARGETS[name].run(given_)


@SETTINGS
@given(st.lists(BODIES, min_size=1, max_size=4))
def test_whatever_comes_from_the_bus_is_answered_or_quarantined(bodies: list[str]) -> None:
    run_intake(SEPARATOR.join(body.encode(errors="replace") for body in bodies))


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(seed=st.integers(0, 2**32), chance=st.randoms(use_true_random=False))
def test_whatever_is_mangled_keeps_every_promise(name: str, seed: int, chance: random.Random) -> None:
    good = seeds(TARGETS[name])
    TARGETS[name].run(mutate(chance.choice(good), random.Random(seed), good))


@pytest.mark.parametrize("name", ["workflow", "overlay", "draft", "events_file", "intake"])
@SETTINGS
@given(data=st.binary(max_size=200))
def test_bytes_without_sense_are_refused_in_words(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


# ── the harness itself ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_that_is_dropped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "take_in", lambda *_: [])
    with pytest.raises(Broken, match="neither marked nor in quarantine"):
        run_intake(b"{}")


def test_a_fault_of_ours_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> Any:
        raise KeyError("x")

    monkeypatch.setattr(intake, "take_in", fails)
    with pytest.raises(Broken, match="asks for a message again"):
        run_intake(b"{}")


def test_a_name_in_the_log_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def talks(services: Any, raw: str) -> Any:
        intake.logger.info("got " + raw)
        return intake_use_case.take_in(services, raw)

    monkeypatch.setattr(intake, "take_in", talks)
    with pytest.raises(Broken, match="a log names a person"):
        run_intake(CANARY.encode())


def test_an_event_that_happens_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "NEW", ())
    course = TARGETS["intake"].seeds()[-1]
    assert SEPARATOR in course
    with pytest.raises(Broken):
        run_intake(course)


def test_a_file_that_is_read_without_a_word_of_its_faults_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> Any:
        raise KeyError("x")

    monkeypatch.setattr(facility, "read", fails)
    with pytest.raises(KeyError):
        run_overlay(b"{}")


def test_a_failure_is_kept_with_its_trace_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "take_in", lambda *_: [])
    found = Found(tmp_path)
    for body in (b"one", b"two"):
        found.one(joined("intake", body))
    found.write()
    ((way, file),) = json.loads((tmp_path / "found.json").read_text())["failures"].items()
    assert "neither marked nor in quarantine" in way
    assert Path(file).read_bytes() == b"one", "the first of each way to fail"
    assert "Traceback" in Path(file).with_suffix(".txt").read_text()
    assert found.executions == {"intake": 2}


def test_the_loop_keeps_what_reaches_something_new(tmp_path: Path) -> None:
    start = [joined("events_file", each) for each in (b"[]", b"[]", b"{")]
    kept, reached = guided(Found(tmp_path), start, 0, 1)
    assert kept == [joined("events_file", b"[]"), joined("events_file", b"{")]
    assert {Path(file).name for file, _ in reached} >= {"files.py"}


def test_lines_are_those_of_ours_only() -> None:
    reached: set[Line] = set()
    with lines(reached):
        facility.listed([])
        json.dumps({})
    assert {Path(file).name for file, _ in reached} == {"facility.py"}


def test_the_same_seed_mangles_alike_and_within_bounds() -> None:
    good = seeds(TARGETS["intake"])
    for seed in range(300):
        once, again = (mutate(good[seed % len(good)], random.Random(seed), good, 5000) for _ in range(2))
        assert once == again
        assert len(once) <= 5000
        assert once.count(SEPARATOR) < MOST_MESSAGES + 4 * 4


def test_an_input_finds_its_target() -> None:
    for name in NAMES:
        assert split(joined(name, b"x")) == (name, b"x")
    assert split(b"") == (NAMES[0], b"")
