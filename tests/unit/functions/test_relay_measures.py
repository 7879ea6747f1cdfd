"""What a journal entry measures, and that everything that moves or changes an owner is measured."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from functions.cases.adapters.codec import encode_item
from functions.cases.commands import claim, decline, override, reassign
from functions.cases.outcome import Placed
from functions.cases.quarantine import Kept
from functions.cases.table import Item
from functions.cases.telemetry import Measure, Telemetry
from functions.intake.measures import measures_of as intake_measures
from functions.relay import handler
from functions.relay.measures import CALLS_FOR_A_PERSON, measures_of
from statemachines.workflows.oxygen import OXYGEN
from tests.support.aws import lambda_context
from tests.support.course import PERSON, courses, play, staffed
from tests.support.world import World

RT, RN, MD, LEAD = (PERSON[role] for role in ("RT", "RN", "PROVIDER", "RT_LEAD"))


def names(measures: list[Measure]) -> set[str]:
    return {measure.name for measure in measures}


def of_last(world: World) -> list[Measure]:
    return measures_of(world.journal(world.case().id)[-1])


def running() -> World:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def test_a_hand_off_counts_by_arrow_and_by_facility() -> None:
    by_arrow, by_facility = (m for m in of_last(running()) if m.name == "HandOffs")
    assert by_arrow == Measure("HandOffs", 1, "Count", {"workflow": "oxygen", "version": "1", "transition": "T-02"})
    assert by_facility == Measure("HandOffs", 1, "Count", {"workflow": "oxygen", "facility": "northfield"})


def test_how_long_a_step_took() -> None:
    (by_state, _) = (m for m in of_last(running()) if m.name == "TimeToComplete")
    assert (by_state.value, by_state.unit, by_state.dimensions["state"]) == (60, "Seconds", "ordered")


def test_an_opening_completes_nothing() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    assert names(of_last(world)) == {"HandOffs"}


def test_a_missed_deadline_counts_and_so_does_its_escalation() -> None:
    world = running()
    world.pass_time(7200)
    assert names(of_last(world)) == {"HandOffs", "TimeToComplete", "DeadlinesMissed", "Escalations"}
    world.pass_time(3600)
    assert names(of_last(world)) == {"HandOffs", "TimeToComplete", "DeadlinesMissed"}, "it stays with the same owner"


def test_what_people_do_counts() -> None:
    world = running()
    world.on_shift("RT-MAPLE:RT")
    world.now += 30
    claim(world.services, world.command(RT))
    claimed = of_last(world)
    assert names(claimed) == {"Claims", "TimeToClaim"}
    assert next(m for m in claimed if m.name == "TimeToClaim").value == 30
    decline(world.services, world.command(RT), reason="busy")
    assert names(of_last(world)) == {"Declined"}
    to = world.command(RT).by
    reassign(world.services, world.command(LEAD), to=to, reason="closer")
    assert names(of_last(world)) == {"Reassignments"}
    world.place("assessment_completed", by=RN)
    assert of_last(world)[0] == Measure(
        "Refusals", 1, "Count", {"workflow": "oxygen", "version": "1", "reason": "wrong_role"}
    )


def test_an_override_counts() -> None:
    arrow = next(t for t in OXYGEN.transitions if t.override_by)
    world = staffed("northfield")
    way = next(c for c in courses(OXYGEN, "northfield").values() if c[-1].target == arrow.sources[0])
    play(world, way, "northfield")
    override(world.services, world.command(LEAD), transition=arrow.id, reason="seen")
    assert "Overrides" in names(of_last(world))


def test_what_only_notes_something_measures_nothing() -> None:
    world = running()
    world.place("weaning_started", by=RT)
    assert world.journal(world.case().id)[-1]["kind"] == "deferred"
    assert of_last(world) == []


def test_numbers_as_a_stream_gives_them() -> None:
    world = running()
    as_streamed = {
        name: Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
        for name, value in world.journal(world.case().id)[-1].items()
    }
    assert measures_of(as_streamed) == of_last(world)


# ── intake ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_intake_counts_every_message_once() -> None:
    placed = Placed("oxygen", "moved", "transition", "", "c", "northfield", ("T-02",), attempts=3, occurred_at=100.0)
    where = {"workflow": "oxygen", "facility": "northfield"}
    assert intake_measures([placed], 101.5) == [
        Measure("Outcome_moved", 1, "Count", where),
        Measure("EventToHandOff", 1500, "Milliseconds", where),
        Measure("LostRaces", 2, "Count", where),
    ]
    again = placed._replace(transitions=(), duplicate=True, attempts=1)
    assert intake_measures([again], 101.5) == [Measure("Duplicates", 1, "Count", where)]
    assert intake_measures(Kept("id", "no_case", "where", "mend", 100.0, 1), 101.5) == [], "counted where it was kept"


def test_an_event_that_a_worker_committed_before_it_died_is_counted_when_its_message_comes_again() -> None:
    where = {"workflow": "oxygen", "facility": "northfield"}
    seen = Placed("oxygen", "recorded", "news", "seen before", "c", "northfield", duplicate=True, occurred_at=100.0)
    assert intake_measures([seen], 160.0, delivered_again=True) == [
        Measure("Redelivered", 1, "Count", where),
        Measure("Outcome_recorded", 1, "Count", where),
    ]
    forgotten = seen._replace(outcome="")
    assert intake_measures([forgotten], 160.0, delivered_again=True) == [Measure("Duplicates", 1, "Count", where)]
    first = seen._replace(duplicate=False)
    assert intake_measures([first], 160.0, delivered_again=True) == [Measure("Outcome_recorded", 1, "Count", where)]


def test_a_clock_that_runs_behind_measures_no_negative_time() -> None:
    placed = Placed("oxygen", "moved", "transition", "", "c", "northfield", ("T-02",), occurred_at=100.0)
    assert intake_measures([placed], 99.0)[1].value == 0


def test_measures_leave_as_embedded_metrics_one_document_per_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch embedded metric format specification, 2020."""
    here, there = {"workflow": "oxygen", "facility": "northfield"}, {"workflow": "oxygen", "facility": "southgate"}
    Telemetry().emit(
        [
            Measure("HandOffs", 1, "Count", here),
            Measure("Waited", 2.5, "Seconds", here),
            Measure("HandOffs", 1, "Count", there),
        ]
    )
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(documents) == 2
    for document, where in zip(documents, (here, there), strict=True):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Baton"
        assert [sorted(dimensions) for dimensions in directive["Dimensions"]] == [sorted(where)]
        assert {name: document[name] for name in where} == where
        assert document["HandOffs"] == [1.0]
    assert documents[0]["Waited"] == [2.5]


@pytest.mark.parametrize("reason", sorted(CALLS_FOR_A_PERSON))
def test_what_calls_for_a_person_is_in_the_log_with_its_case(
    reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    monkeypatch.setattr(handler, "outlets", PassesOn)
    world = running()
    last = world.journal(world.case().id)[-1]
    images = [encode_item({**last, "reason": said}) for said in (reason, "declared")]
    inserted = [{"Keys": {}, "NewImage": image} for image in images]
    records = [{"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": each} for each in inserted]
    assert handler.handler({"Records": records}, lambda_context())["batchItemFailures"] == []
    warnings = [record.__dict__ for record in caplog.records if record.levelname == "WARNING"]
    assert [(said["msg"], said["case"], said["reason"]) for said in warnings] == [
        ("calls for a person", world.case().id, reason)
    ]


class PassesOn:
    """Outlets that take everything."""

    def pass_on(self, case: str, entry: Item) -> None:
        """See Outlets.pass_on."""
