"""The generated state machine follows the journal and nothing else: each arrow under its id, each wait limited, only ids."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.diagram.render import node
from statemachines.compile import asl as module
from statemachines.compile.asl import JUMP, REWAIT, SUPERSEDED, NotCompilable, asl, asl_text
from statemachines.compile.shape import Shape
from statemachines.definition import Definition, StateKind, digest
from statemachines.language import DEADLINE, T
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import CROSSING, DONE, LATE, ONCE, OPEN, SENDING, SMALL, a_state, a_workflow

CHECKOUT = Path(__file__).parents[3]
ALL = (SMALL, CROSSING, *WORKFLOWS.values())
IDS = {"case.$": "$.case", "generation.$": "$.generation", "visit.$": "$.visit", "entry.$": "$.entry"}

every = pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)


def states_of(definition: Definition) -> Mapping[str, Any]:
    states: Mapping[str, Any] = asl(definition)["States"]
    return states


def rules(choice: Mapping[str, Any]) -> dict[str, str]:
    """Value → next state; every rule compares one string."""
    assert choice["Type"] == "Choice"
    assert all(set(rule) == {"Variable", "StringEquals", "Next"} for rule in choice["Choices"])
    found = {rule["StringEquals"]: rule["Next"] for rule in choice["Choices"]}
    assert len(found) == len(choice["Choices"])
    return found


@every
def test_every_arrow_is_a_rule_where_it_leaves_and_leads_where_it_should(definition: Definition) -> None:
    states = states_of(definition)
    for state in definition.states:
        if state.kind is StateKind.END:
            assert f"after {state.name}" not in states
            continue
        leaving = {t.id: t.target or state.name for t in definition.transitions if state.name in t.sources}
        assert rules(states[f"after {state.name}"]) == {
            **leaving,
            REWAIT: state.name,
            SUPERSEDED: "Superseded",
            JUMP: "Resume",
        }
        assert [rule["Variable"] for rule in states[f"after {state.name}"]["Choices"]] == ["$.transition"] * (
            len(leaving) + 3
        )
        assert states[f"after {state.name}"]["Default"] == "UnknownTransition"


def test_rules_stand_in_the_order_of_the_definition() -> None:
    listed = [rule["StringEquals"] for rule in states_of(SMALL)["after open"]["Choices"]]
    assert listed == ["T-02", "T-03", "T-04", "T-08", REWAIT, JUMP, SUPERSEDED]


@every
def test_an_execution_can_begin_in_every_state(definition: Definition) -> None:
    machine = asl(definition)
    assert machine["StartAt"] == "Resume"
    resume = machine["States"]["Resume"]
    assert rules(resume) == {state.name: state.name for state in definition.states}
    assert {rule["Variable"] for rule in resume["Choices"]} == {"$.state"}
    assert resume["Default"] == "UnknownState"


@every
def test_it_ends_only_where_the_case_ends_or_something_is_wrong(definition: Definition) -> None:
    states = states_of(definition)
    ends = {state.name for state in definition.states if state.kind is StateKind.END}
    assert {name for name, s in states.items() if s["Type"] == "Succeed"} == ends | {"Superseded"}
    assert {name for name, s in states.items() if s["Type"] == "Fail"} == {"UnknownState", "UnknownTransition"}


def test_a_waiting_state_parks_its_token_and_asks_at_its_deadline() -> None:
    states = states_of(SMALL)
    wait = states["open"]
    assert wait["Resource"] == "arn:aws:states:::lambda:invoke.waitForTaskToken"
    assert wait["Parameters"] == {
        "FunctionName": "${FollowFunctionArn}",
        "Payload": {"action": "park", **IDS, "attempt.$": "$$.State.RetryCount", "token.$": "$$.Task.Token"},
    }
    assert wait["TimeoutSecondsPath"] == "$.timeout"
    assert wait["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "open deadline"}]
    assert wait["Next"] == "after open"
    late = states["open deadline"]
    assert late["Resource"] == "arn:aws:states:::lambda:invoke"
    assert late["Parameters"] == {
        "FunctionName": "${FollowFunctionArn}",
        "Payload": {"action": "deadline", **IDS},
    }
    assert (late["OutputPath"], late["TimeoutSeconds"], late["Next"]) == ("$.Payload", 60, "after open")
    assert late["Retry"][0]["ErrorEquals"] == ["States.ALL"]


@every
def test_a_wait_is_never_armed_again_by_its_own_timeout(definition: Definition) -> None:
    """On AWS `States.TaskFailed` matches every error but `States.Timeout`; `States.ALL` would match that too."""
    for state in definition.states:
        if state.kind is StateKind.WAITING:
            (again,) = states_of(definition)[state.name]["Retry"]
            assert again["ErrorEquals"] == ["States.TaskFailed"]


def test_retries_of_a_wait_delay_its_deadline_by_less_than_a_minute() -> None:
    again = states_of(SMALL)["open"]["Retry"][0]
    pauses = [
        min(again["MaxDelaySeconds"], again["IntervalSeconds"] * again["BackoffRate"] ** attempt)
        for attempt in range(again["MaxAttempts"])
    ]
    assert again["MaxAttempts"] > 0
    assert sum(pauses) < 60


def test_a_system_state_works_with_a_limit_and_gives_up_to_an_owner() -> None:
    states = states_of(SMALL)
    work = states["sending"]
    assert work["Resource"] == "arn:aws:states:::lambda:invoke"
    assert work["Parameters"] == {
        "FunctionName": "${WorkFunctionArn}",
        "Payload": {"action": "work", "work": "send_note", **IDS},
    }
    assert (work["OutputPath"], work["TimeoutSeconds"], work["Next"]) == ("$.Payload", 20, "after sending")
    (again,) = work["Retry"]
    assert (again["ErrorEquals"], again["MaxAttempts"], again["BackoffRate"], again["MaxDelaySeconds"]) == (
        ["States.ALL"],
        2,
        2,
        30,
    )
    assert work["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "sending given up"}]
    given_up = states["sending given up"]
    assert given_up["Parameters"] == {
        "FunctionName": "${FollowFunctionArn}",
        "Payload": {"action": "give_up", "work": "send_note", **IDS},
    }
    assert (given_up["OutputPath"], given_up["TimeoutSeconds"], given_up["Next"]) == ("$.Payload", 60, "after sending")
    assert given_up["Retry"][0]["ErrorEquals"] == ["States.ALL"]


def test_work_that_is_tried_once_is_not_retried() -> None:
    once = SENDING.model_copy(update={"work": ONCE})
    machine = asl(a_workflow((once, DONE), ()))
    assert machine["States"]["sending"]["Retry"][0]["MaxAttempts"] == 0


@every
def test_every_task_has_a_time_limit_and_the_whole_has_none(definition: Definition) -> None:
    machine = asl(definition)
    assert "TimeoutSeconds" not in machine
    tasks = {name: s for name, s in machine["States"].items() if s["Type"] == "Task"}
    assert tasks
    for name, task in tasks.items():
        waits = task["Resource"].endswith(".waitForTaskToken")
        assert ("TimeoutSecondsPath" in task) == waits, name
        assert isinstance(task.get("TimeoutSeconds"), int) != waits, name
        assert task["Retry"], name
        assert all(again["JitterStrategy"] == "FULL" and again["MaxDelaySeconds"] <= 60 for again in task["Retry"]), (
            name
        )


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for value in part.values():
            yield from strings(value)
    elif isinstance(part, list):
        for value in part:
            yield from strings(value)
    elif isinstance(part, str):
        yield part


@every
def test_nothing_but_ids_is_passed_to_a_function(definition: Definition) -> None:
    works = {state.work.name for state in definition.states if state.work}
    for state in states_of(definition).values():
        if state["Type"] != "Task":
            continue
        assert set(state["Parameters"]) == {"FunctionName", "Payload"}
        for key, value in state["Parameters"]["Payload"].items():
            if key.endswith(".$"):
                assert (key, value) in IDS.items() or value in ("$$.State.RetryCount", "$$.Task.Token")
            else:
                assert key in ("action", "work")
                assert value in {"park", "deadline", "work", "give_up", *works}


@every
def test_only_the_shape_of_a_signal_is_ever_read(definition: Definition) -> None:
    paths = {s for s in strings(asl(definition)["States"]) if s.startswith("$.")}
    assert paths <= {*IDS.values(), "$.transition", "$.state", "$.timeout", "$.Payload"}


@every
def test_every_state_is_reached_and_every_next_exists(definition: Definition) -> None:
    states = states_of(definition)
    leads = {name: {v for k, v in pairs(state) if k in ("Next", "Default")} for name, state in states.items()}
    assert set().union(*leads.values()) <= set(states)
    seen, ahead = set(), ["Resume"]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += leads[name]
    assert seen == set(states)


def pairs(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from pairs(value)
    elif isinstance(part, list):
        for value in part:
            yield from pairs(value)


@every
def test_signals_lead_an_execution_along_the_journal(definition: Definition) -> None:
    """A reader of the ASL that knows only Choice and Next visits the states of the main path, in order."""
    path = Shape(definition).main_path
    signals = iter(
        [
            next(
                t.id
                for t in definition.transitions
                if source in t.sources and t.target == target and t.on != "deadline_missed"
            )
            for source, target in pairwise(path)
        ]
    )
    states, visited = states_of(definition), []
    data = {"state": path[0], "transition": ""}
    place = "Resume"
    for _ in range(200):
        state = states[place]
        if state["Type"] == "Choice":
            value = data[state["Choices"][0]["Variable"].removeprefix("$.")]
            place = rules(state).get(value, state["Default"])
            continue
        visited.append(place)
        if state["Type"] in ("Succeed", "Fail"):
            break
        data["transition"] = next(signals)
        place = state["Next"]
    assert tuple(visited) == path


def test_it_says_which_definition_it_was_made_from() -> None:
    assert asl(SMALL)["Comment"] == f"small 1 {digest(SMALL)}"


@every
def test_names_and_size_stay_within_the_limits_of_step_functions(definition: Definition) -> None:
    assert all(0 < len(name) <= 80 for name in states_of(definition))
    assert len(asl_text(definition).encode()) <= 262_144
    assert json.loads(asl_text(definition)) == asl(definition)


def test_a_state_machine_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 5_000)
    with pytest.raises(NotCompilable, match="more than 5000"):
        asl_text(SMALL)


LONG = "a" * 72


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        (a_workflow((a_state(LONG), DONE), ()), "more than 80 characters"),
        (a_workflow((a_state("a"), a_state("after a"), DONE), ()), "two ASL states would be called 'after a'"),
        (a_workflow((a_state("Resume"), DONE), ()), "two ASL states would be called 'Resume'"),
        (a_workflow((a_state("a"), a_state("a"), DONE), ()), "two ASL states would be called 'a'"),
        (a_workflow((a_state("a", deadline=None), DONE), ()), "a waits without a deadline"),
        (a_workflow((SENDING.model_copy(update={"work": None}), DONE), ()), "sending is a system state without work"),
        (
            a_workflow((OPEN, DONE), (T("rewait", OPEN, on=DEADLINE, to=DONE, because="x"),)),
            "cannot be called 'rewait'",
        ),
        (a_workflow((OPEN, DONE), (T("T-1", OPEN, on=DEADLINE, to=LATE, because="x"),)), "names the state 'late'"),
        (
            a_workflow((OPEN, DONE), (T("T-1", OPEN, on=DEADLINE, to=DONE, because="x"),) * 2),
            "two transitions 'T-1' leave open",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_a_state_machine_is_refused_with_its_place(definition: Definition, says: str) -> None:
    with pytest.raises(NotCompilable, match=re.escape(says)):
        asl(definition)


def validated(document: Path) -> subprocess.CompletedProcess[str]:
    validator = CHECKOUT / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
    command = [str(node()), str(validator), "--json-path", str(document)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)


@every
def test_an_independent_validator_accepts_it(definition: Definition, tmp_path: Path) -> None:
    document = tmp_path / "asl.json"
    document.write_text(asl_text(definition), encoding="utf-8")
    ran = validated(document)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_independent_validator_would_say_so(tmp_path: Path) -> None:
    broken = asl(SMALL)
    del broken["States"]["late"]
    document = tmp_path / "asl.json"
    document.write_text(json.dumps(broken), encoding="utf-8")
    assert validated(document).returncode == 1
