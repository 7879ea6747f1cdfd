"""Every published version decides as it did when its traces were recorded; a change of the interpreter is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import statemachines.decide
import tests.support.interpreter
import tests.traces.record
import tests.traces.trace
from statemachines.deadlines import due
from statemachines.definition import Definition, Duration, digest
from statemachines.machine import Arrow, Machine
from statemachines.policy import Policy
from statemachines.published import ChangedAfterPublishing, published, versions
from statemachines.routing import Assignment, route
from tests.traces.record import COMMAND, RecordedAlready, ReleasedOtherwise, main, record, told
from tests.traces.trace import FOLDER, arrows, dump, recordings, replay
from tests.unit.statemachines.small import PLAIN, SMALL

SHOWN = 5
"""A change that shows in many cases is told by a few."""


def differences() -> Iterator[str]:
    """What goes another way than recorded, of all versions."""
    for workflow, version in versions():
        for recording in recordings(workflow, version):
            yield from replay(recording, published(workflow, version))


# ── what is recorded ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_version_is_published_for_every_recording() -> None:
    recorded = {(file.parent.parent.name, int(file.parent.name)) for file in FOLDER.glob("*/*/*.json")}
    assert recorded <= set(versions())


def against(definition: Definition, within: Path = FOLDER) -> str:
    """What is to be said against the recordings of a version; nothing when it decides as it did."""
    name = f"{definition.workflow} {definition.version}"
    found = recordings(definition.workflow, definition.version, within)
    if not found:
        return f"{name} has no traces; run: {COMMAND} {definition.workflow}"
    others = [each.policy.facility for each in found if each.digest != digest(definition)]
    if others:
        return f"{name} at {', '.join(others)} was another definition; run: {COMMAND} {definition.workflow}"
    different = [text for each in found for text in replay(each, definition)]
    if not different:
        return ""
    meant = f"If that is meant, for the cases that run today as well: {COMMAND} --again {definition.workflow}"
    return "\n\n".join([f"{len(different)} cases of {name} go another way.", *different[:SHOWN], meant])


@pytest.mark.parametrize(("workflow", "version"), versions())
def test_a_published_version_is_recorded_and_decides_as_it_did(workflow: str, version: int) -> None:
    said = against(published(workflow, version))
    assert not said, said


def test_a_version_without_traces_is_found(tmp_path: Path) -> None:
    assert against(SMALL, tmp_path) == f"small 1 has no traces; run: {COMMAND} small"


def test_traces_of_another_definition_are_found(tmp_path: Path) -> None:
    record(SMALL, [PLAIN], within=tmp_path)
    assert against(SMALL, tmp_path) == ""
    assert "was another definition" in against(SMALL.model_copy(update={"title": "Other"}), tmp_path)


@pytest.mark.parametrize(("workflow", "version"), versions())
def test_the_traces_of_a_version_take_each_of_its_transitions(workflow: str, version: int) -> None:
    taken = {id for each in recordings(workflow, version) for id, _ in each.taken}
    assert {id for id, _ in arrows(published(workflow, version))} - taken == set()


# ── a change of the interpreter is noticed ───────────────────────────────────────────────────────────────────────────────

Change = Callable[[pytest.MonkeyPatch], None]


def machines(change: Callable[[Machine], None]) -> Change:
    """Every machine is changed once it is built."""

    def built(definition: Definition, policy: Policy) -> Machine:
        machine = Machine(definition, policy)
        change(machine)
        return machine

    return lambda patch: patch.setattr(tests.traces.trace, "Machine", built)


def with_arrows(change: Callable[[tuple[Arrow, ...]], tuple[Arrow, ...]]) -> Change:
    """The arrows that leave a state on an event are changed."""

    def changed(machine: Machine) -> None:
        for place, leaving in machine.arrows.items():
            machine.arrows[place] = change(leaving)

    return machines(changed)


def a_second_later(within: Duration, start: float, *rest: Any) -> float:
    return due(within, start, *rest) + 1.0


def in_utc(within: Duration, start: float, parameters: Any, calendar: Any) -> float:
    return due(within, start, parameters, calendar.model_copy(update={"time_zone": "UTC"}))


def never_sooner(machine: Machine) -> None:
    machine.sooner = {}


def no_care_plan(machine: Machine) -> None:
    machine.care_plan = {}


def nothing_deferred(machine: Machine) -> None:
    machine.states = {name: state.model_copy(update={"defers": {}}) for name, state in machine.states.items()}


def overridden_by_none(machine: Machine) -> None:
    machine.overrides = {place: arrow._replace(override_by=frozenset()) for place, arrow in machine.overrides.items()}


def older_ones_count(machine: Machine) -> None:
    machine.observations = frozenset()


def nothing_satisfied(*_: Any) -> frozenset[str]:
    return frozenset()


def to_the_first_role(*given: Any, **more: Any) -> Assignment:
    return route(*given, **more)._replace(role=given[0])


def nobody_is_familiar(*given: Any, **more: Any) -> Assignment:
    return route(*given, **{**more, "knows_patient": frozenset()})


CHANGES: Mapping[str, Change] = {
    "a deadline a second later": lambda patch: patch.setattr(statemachines.decide, "due", a_second_later),
    "business days in UTC": lambda patch: patch.setattr(statemachines.decide, "due", in_utc),
    "no shorter limits": machines(never_sooner),
    "guards that always hold": with_arrows(lambda leaving: tuple(arrow._replace(test=None) for arrow in leaving)),
    "arrows for everybody": with_arrows(lambda leaving: tuple(arrow._replace(by=None) for arrow in leaving)),
    "duties that are not separate": with_arrows(lambda leaving: tuple(a._replace(separate_from=()) for a in leaving)),
    "overrides for nobody": machines(overridden_by_none),
    "the care plan does not count": machines(no_care_plan),
    "nothing is deferred": machines(nothing_deferred),
    "observations move though older": machines(older_ones_count),
    "nothing is satisfied on arrival": lambda patch: patch.setattr(
        statemachines.decide, "done_on_arrival", nothing_satisfied
    ),
    "responsible is who is asked first": lambda patch: patch.setattr(
        tests.support.interpreter, "route", to_the_first_role
    ),
    "whoever knows the patient is not preferred": lambda patch: patch.setattr(
        tests.support.interpreter, "route", nobody_is_familiar
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_interpreter_is_noticed(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    CHANGES[change](monkeypatch)
    assert next(differences(), None) is not None


@pytest.mark.parametrize(("workflow", "version"), versions())
def test_two_transitions_that_swap_their_targets_are_noticed(workflow: str, version: int) -> None:
    definition = published(workflow, version)
    first = next(t for t in definition.transitions if t.sources and t.target is not None)
    second = next(t for t in definition.transitions if t.sources and t.target not in (None, first.target))
    swapped = {
        first.id: first.model_copy(update={"target": second.target}),
        second.id: second.model_copy(update={"target": first.target}),
    }
    changed = definition.model_copy(update={"transitions": tuple(swapped.get(t.id, t) for t in definition.transitions)})
    assert [text for each in recordings(workflow, version) for text in replay(each, changed)]


def test_a_difference_says_where_and_what(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recording, *_ = record(SMALL, [PLAIN], within=tmp_path)
    CHANGES["a deadline a second later"](monkeypatch)
    text, *_ = replay(recording, SMALL)
    place, recorded, now = text.splitlines()
    assert place.startswith(f"small 1 at plain, case {recording.traces[0].case}, step 0: oxygen_ordered by LEAD-")
    assert place.endswith(" in nowhere")
    assert recorded.lstrip().startswith('moves: recorded [{"transition": "S-1"')
    assert now.lstrip().startswith('now [{"transition": "S-1"')


# ── recording ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = record(SMALL, [PLAIN], within=tmp_path)
    read = recordings("small", 1, tmp_path)
    assert [dump(each) for each in read] == [dump(each) for each in found]
    assert [list(replay(each, SMALL)) for each in read] == [[]]


def test_recording_takes_every_arrow_and_says_so(tmp_path: Path) -> None:
    said = told(SMALL, record(SMALL, [PLAIN], within=tmp_path))
    assert f"{len(arrows(SMALL))} of {len(arrows(SMALL))} arrows taken, 9 of 9 transitions" in said
    assert "not taken" not in said


def test_recording_says_which_arrows_no_case_takes(tmp_path: Path) -> None:
    (found,) = record(SMALL, [PLAIN], within=tmp_path)
    less = replace(found, traces=tuple(trace for trace in found.traces if ("S-9", "watched") not in trace.taken))
    assert "not taken: S-9 from watched" in told(SMALL, [less])


def test_the_same_version_is_recorded_alike(tmp_path: Path) -> None:
    assert record(SMALL, [PLAIN], within=tmp_path / "one") == record(SMALL, [PLAIN], within=tmp_path / "other")


def test_a_version_whose_definition_is_the_same_is_not_recorded_again_by_mistake(tmp_path: Path) -> None:
    record(SMALL, [PLAIN], within=tmp_path)
    file = tmp_path / "small" / "1" / "plain.json"
    before = file.read_bytes()
    with pytest.raises(RecordedAlready, match="small 1 is recorded already"):
        record(SMALL, [PLAIN], within=tmp_path)
    assert file.read_bytes() == before


def test_recording_again_keeps_the_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (before,) = record(SMALL, [PLAIN], within=tmp_path)
    CHANGES["a deadline a second later"](monkeypatch)
    (after,) = record(SMALL, [PLAIN], within=tmp_path, again=True)
    assert [s.occurrence for t in before.traces for s in t.steps] == [
        s.occurrence for t in after.traces for s in t.steps
    ]
    assert after != before
    assert list(replay(after, SMALL)) == []


def test_recording_again_adds_what_no_case_takes(tmp_path: Path) -> None:
    (found,) = record(SMALL, [PLAIN], within=tmp_path)
    file = tmp_path / "small" / "1" / "plain.json"
    file.write_text(dump(replace(found, traces=found.traces[:1])))
    (after,) = record(SMALL, [PLAIN], within=tmp_path, again=True)
    assert after.traces[0].case == found.traces[0].case
    assert after.taken == arrows(SMALL)


def test_another_definition_under_the_same_version_is_recorded_anew(tmp_path: Path) -> None:
    record(SMALL, [PLAIN, PLAIN.model_copy(update={"facility": "second"})], within=tmp_path)
    other = SMALL.model_copy(update={"title": "Other"})
    record(other, [PLAIN], within=tmp_path)
    assert [(each.policy.facility, each.digest) for each in recordings("small", 1, tmp_path)] == [
        ("plain", digest(other))
    ]


@pytest.mark.parametrize("again", [False, True])
def test_another_definition_of_a_released_version_is_not_recorded(tmp_path: Path, again: bool) -> None:
    releases = {("small", 1): digest(SMALL)}
    record(SMALL, [PLAIN], within=tmp_path, releases=releases)
    before = (tmp_path / "small" / "1" / "plain.json").read_bytes()
    with pytest.raises(ReleasedOtherwise, match=r"small 1 is released .* new version"):
        record(SMALL.model_copy(update={"title": "Other"}), [PLAIN], again=again, within=tmp_path, releases=releases)
    assert (tmp_path / "small" / "1" / "plain.json").read_bytes() == before


def test_the_command_refuses_what_was_released_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(*_: object) -> Definition:
        raise ChangedAfterPublishing("oxygen 1 has another digest than was released")

    monkeypatch.setattr(tests.traces.record, "published", changed)
    assert main(["oxygen"]) == 1
    assert capsys.readouterr().err.startswith("refused: oxygen 1 has another digest")
