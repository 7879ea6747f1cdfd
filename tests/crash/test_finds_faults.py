"""A guard taken away: some moment is then not survived, or the enumeration would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from functions.cases import commands, early, events, follow, handoff, keys, settle, sweep, wiring
from functions.cases.change import Change
from functions.cases.commit import transaction
from functions.cases.marks import SeenBefore
from functions.cases.outcome import Unplaceable
from functions.cases.ports import Services
from functions.cases.quarantine import quarantine
from functions.cases.table import NEW, Check, Delete, Item, Key, Put, WriteRefused
from functions.emr import attempt, sync
from functions.relay.outlets import Outlets
from functions.writeback import bring
from tests.crash.hospital import Hospital
from tests.crash.runs import Point, Recording, record, survive
from tests.crash.scenarios import SCENARIOS, Scenario, assessment_due, opening_and_moving, staffed

Removal = Callable[[pytest.MonkeyPatch], None]


class Guard(NamedTuple):
    """What is relied on, how it is taken away, and a scenario in which that shows.

    ``swept``: with the help of the sweep, which heals most of what nothing else does. ``same``: it must end as without a crash.
    """

    name: str
    remove: Removal
    scenario: Scenario
    swept: bool = True
    same: bool = True

    def wrong(self, recording: Recording, point: Point) -> list[str]:
        """What is wrong after dying at a point."""
        result = survive(recording, point, swept=self.swept)
        return result.wrong if self.same else list(result.violations)


def named(name: str) -> Scenario:
    return next(s for s in SCENARIOS if s.name == name)


# ── guards, taken away ───────────────────────────────────────────────────────────────────────────────────────────────────


def _nothing(*_: Any) -> None:
    return None


def no_settling_of_duplicates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "settle", _nothing)


def no_settling_of_repeated_commands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commands, "settle", _nothing)


def no_draining_on_duplicates(patch: pytest.MonkeyPatch) -> None:
    again = events._again

    def without(*given: Any) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(events, "drain_early", _nothing)
            return again(*given)

    patch.setattr(events, "_again", without)


def mark_after_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Two transactions instead of one."""

    def apart(services: Services, change: Change, now: float, mark: Key | None) -> None:
        if mark is not None and services.table.get(mark) is not None:
            raise SeenBefore
        writes = transaction(change, now)
        services.table.write([w for w in writes if w.key != mark])
        later = [w for w in writes if w.key == mark]
        if later:
            services.table.write(later)

    for module in (handoff, commands):
        patch.setattr(module, "commit", apart)


def sweep_that_signals_nobody(patch: pytest.MonkeyPatch) -> None:
    for name in ("settle", "follow"):
        patch.setattr(sweep, name, _nothing)


def forgotten_before_it_is_quarantined(patch: pytest.MonkeyPatch) -> None:
    def give_up(services: Services, item: Item, why: Unplaceable, *still: Check) -> None:
        place = Key(item["pk"], item["sk"])
        services.table.write((Delete(place), Delete(keys.mark_of_early(place, item["workflow"])), *still))
        quarantine(services, item["raw"], why.reason, why.where, why.mend)

    for module in (early, sweep):
        patch.setattr(module, "give_up", give_up)


def no_look_at_the_ledger(patch: pytest.MonkeyPatch) -> None:
    """Each attempt takes itself for the first: it creates without looking."""
    begin = attempt.begin

    def first(*given: Any, **named: Any) -> Any:
        begun = begin(*given, **named)
        if isinstance(begun, attempt.Attempt):
            begun.is_first = begun.row.resource_id is None
        return begun

    patch.setattr(sync, "begin", first)


def relayed_when_it_is_noted(patch: pytest.MonkeyPatch) -> None:
    """The relay notes an entry as passed on, then passes it on."""
    pass_on = Outlets.pass_on

    def noted_first(outlets: Outlets, case: str, entry: Any) -> None:
        with suppress(WriteRefused):
            wiring.table().write((Put({"pk": f"RELAYED#{case}", "sk": str(entry["seq"])}, NEW),))
            pass_on(outlets, case, entry)

    patch.setattr(Outlets, "pass_on", noted_first)


def nothing_said_to_relatives_twice(patch: pytest.MonkeyPatch) -> None:
    """A parent is told of its sub-case's end by the commit that ends it, and by nothing else."""
    patch.setattr(sweep, "tell_relatives", _nothing)
    patch.setattr(events, "settle", settle.follow)


def nothing_said_to_relatives_by_an_execution(patch: pytest.MonkeyPatch) -> None:
    """Relatives are told by the function that moves the case, and by no other that the execution asks afterwards."""
    patch.setattr(follow, "tell_relatives_again", _nothing)


def no_settling_of_what_was_opened_before(patch: pytest.MonkeyPatch) -> None:
    """A sub-case is settled by the function that opens it."""
    patch.setattr(settle, "_settle_opened", _nothing)


def no_look_for_doubles(patch: pytest.MonkeyPatch) -> None:
    """The daily look is for Tasks alone."""
    patch.setattr(bring, "take_doubles_back", lambda *_, **__: 0)


def emr_that_creates_whatever_it_gets(hospital: Hospital) -> None:
    """It does not know If-None-Exist."""
    staffed(hospital)
    hospital.emr.knows_if_none_exist = False


def by_people_who_do_not_ask_again(hospital: Hospital) -> None:
    """Whoever gave a command that died does not give it again."""
    assessment_due(hospital)
    hospital.people_ask_again = False
    hospital.send("assessment_completed", "RT-ALDER:RT", spo2_percent=96)
    hospital.send("oxygen_changed", "RT-ALDER:RT", spo2_percent=85, flow_l_min=4)


def overridden(hospital: Hospital) -> None:
    """A guard is overridden."""
    hospital.command("override", "RT-LEAD-ALDER:RT_LEAD", transition="T-25", reason="as good as it gets")


BARE_EMR = Scenario(
    "opened at an EMR that creates whatever it gets", emr_that_creates_whatever_it_gets, opening_and_moving
)
NOT_AGAIN = Scenario("overridden once", by_people_who_do_not_ask_again, overridden)

GUARDS = (
    Guard("settle on duplicates", no_settling_of_duplicates, named("opening and moving"), swept=False),
    Guard("settle on repeated commands", no_settling_of_repeated_commands, named("commanded"), swept=False),
    Guard("held events are drained on duplicates", no_draining_on_duplicates, named("too early"), swept=False),
    Guard("the mark in the same transaction", mark_after_the_commit, named("moved about")),
    Guard("the sweep signals who is behind", sweep_that_signals_nobody, NOT_AGAIN, same=False),
    Guard("quarantined before it is forgotten", forgotten_before_it_is_quarantined, named("never opened")),
    Guard("the ledger is looked at", no_look_at_the_ledger, BARE_EMR),
    Guard("a document filed twice is looked for", no_look_for_doubles, named("filed late")),
    Guard("an order sent twice is looked for", no_look_for_doubles, named("sent late")),
    Guard("passed on before it is noted", relayed_when_it_is_noted, named("opening and moving")),
    Guard("relatives are told again", nothing_said_to_relatives_twice, named("sub-case withdrawn")),
    Guard(
        "an execution that asks again tells relatives",
        nothing_said_to_relatives_by_an_execution,
        named("sub-case withdrawn"),
    ),
    Guard(
        "a sub-case that was opened is settled",
        no_settling_of_what_was_opened_before,
        named("sub-case withdrawn"),
        swept=False,
    ),
)

each = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)


def not_survived(recording: Recording, guard: Guard) -> list[str]:
    """The first moments of a scenario, up to one, at which not all is as if nobody had died."""
    for moment in recording.moments():
        if guard.wrong(recording, moment[0]):
            return [str(point) for point in moment]
    return []


@each
def test_without_the_guard_a_moment_is_not_survived(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a crash nothing is wrong: only dying shows it."""
    guard.remove(monkeypatch)
    assert not_survived(record.__wrapped__(guard.scenario), guard)


@pytest.mark.parametrize(
    "guard", [g for g in GUARDS if not g.swept or g.scenario not in SCENARIOS], ids=lambda g: g.name
)
def test_with_the_guard_all_are(guard: Guard) -> None:
    """As far as the enumeration itself does not show it: without the sweep, or in a scenario of its own."""
    recording = record(guard.scenario)
    points = [moment[0] for moment in recording.moments()[::3] if not moment[0].call.use_case.startswith("work.")]
    assert {str(point): wrong for point in points if (wrong := guard.wrong(recording, point))} == {}
