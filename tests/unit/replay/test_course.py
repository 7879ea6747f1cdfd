"""From statements to events: order, conclusions, ids."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from events.parse import parse_event
from local.replay.course import Assessments, Course, Settings, age_at
from local.replay.message import DEFAULT_KEY, Message, Names
from local.replay.reasons import NotApplicable
from local.replay.staging import Staging
from local.replay.statements import Context, Kind, Statement
from tests.unit.replay.made_up import START, epoch

NEVER_FUTURE = START.replace(year=2999).astimezone()


def states(kind: Kind, at: float, *, known: float | None = None, encounter: str = "E-1", **values: Any) -> Statement:
    if kind is Kind.SUPPORT:
        values.setdefault("source", 1)
    known_at = epoch(at if known is None else known)
    return Statement(kind, "P-1", encounter, epoch(at), known_at, f"{kind}/{at}/{known}/{values}", values)


class Played:
    """The messages of some statements, and the reasons why others led to none."""

    def __init__(
        self, folder: Path, statements: Iterable[Statement], contexts: Iterable[Context] = (), **how: Any
    ) -> None:
        arranged = {name: how.pop(name) for name in ("newest_at", "aftermath", "charted_ahead_waits") if name in how}
        settings = Settings(**{"facility": "northfield", "documentation": "signed_note", **how})
        self.dismissed: list[NotApplicable] = []
        with closing(Staging(folder / "statements.sqlite")) as staging:
            for line, statement in enumerate(statements, start=2):
                staging.add(0, line, statement)
            for context in contexts:
                staging.explain(context)
            staging.arrange(**arranged)
            self.course = Course(settings, Names(DEFAULT_KEY), staging.context)
            self.messages = list(self.course.messages(staging.in_order(), lambda _, why: self.dismissed.append(why)))

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    @property
    def types(self) -> list[str]:
        return [message.type for message in self]

    def data(self, type: str) -> list[dict[str, Any]]:
        return [message.event["detail"]["data"] for message in self if message.type == type]


# ── order in time ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_events_come_as_they_became_known_not_as_they_were_true(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.SATURATION, 10, known=60, spo2_percent=90),
            states(Kind.SATURATION, 20, spo2_percent=95),
            states(Kind.ENDED, 60),
        ],
    )
    assert [data.get("spo2_percent") for data in played.data("spo2_observed")] == [95, 90]
    assert played.types[-1] == "patient_discharged"  # the end of an encounter comes last of its moment


def test_what_is_charted_ahead_may_wait_until_it_is_true(tmp_path: Path) -> None:
    ahead = [states(Kind.SATURATION, 60, known=40, spo2_percent=90), states(Kind.SATURATION, 50, spo2_percent=95)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    delivered = Played(tmp_path / "a", ahead)
    waited = Played(tmp_path / "b", ahead, charted_ahead_waits=True)
    assert [message.at for message in delivered] == [epoch(40), epoch(50)]
    assert [message.at for message in waited] == [epoch(50), epoch(60)]
    assert [message.event_id for message in waited] == [message.event_id for message in reversed(delivered.messages)]


def test_rebased_each_encounter_ends_now_and_its_events_keep_their_ids(tmp_path: Path) -> None:
    statements = [
        states(Kind.SUPPORT, 0, flow_l_min=2),
        states(Kind.ENDED, 90),
        states(Kind.SATURATION, 5000, encounter="E-2", spo2_percent=95),
        states(Kind.SATURATION, 6000, encounter="E-2", spo2_percent=96),
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = Played(tmp_path / "a", statements)
    now = 1_700_000_000.0
    rebased = Played(tmp_path / "b", statements, newest_at=now, aftermath=plain.course._settings.aftermath)
    assert {message.event_id for message in rebased} == {message.event_id for message in plain}
    by_encounter: dict[str, list[float]] = {}
    for message in rebased:
        by_encounter.setdefault(message.encounter, []).append(message.at)
    assert {encounter: max(moments) for encounter, moments in by_encounter.items()} == {"E-1": now, "E-2": now}
    assert max(by_encounter["E-1"]) - min(by_encounter["E-1"]) == (90 + 90) * 60


# ── what is carried ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rate_goes_with_the_saturation_of_the_same_time(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.RESPIRATORY_RATE, 0, respiratory_rate=22),
            states(Kind.SATURATION, 0, spo2_percent=95),
            states(Kind.SATURATION, 5, spo2_percent=96),
            states(Kind.RESPIRATORY_RATE, 9, respiratory_rate=24),
        ],
    )
    assert [data.get("respiratory_rate") for data in played.data("spo2_observed")] == [22, None]
    assert played.dismissed == [NotApplicable.RATE_WITHOUT_SATURATION]


def test_a_rate_that_was_not_known_yet_cannot_go_with_a_saturation(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.SATURATION, 0, known=1, spo2_percent=95),
            states(Kind.RESPIRATORY_RATE, 0, known=30, respiratory_rate=22),
        ],
    )
    assert "respiratory_rate" not in played.data("spo2_observed")[0]
    assert played.dismissed == [NotApplicable.RATE_WITHOUT_SATURATION]


def test_only_one_rate_goes_with_a_saturation(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.RESPIRATORY_RATE, 0, respiratory_rate=22),
            states(Kind.RESPIRATORY_RATE, 0, respiratory_rate=30),
            states(Kind.SATURATION, 0, spo2_percent=95),
        ],
    )
    assert played.data("spo2_observed")[0]["respiratory_rate"] == 22
    assert len(played.dismissed) == 1


def test_which_rates_are_assessments_is_a_choice(tmp_path: Path) -> None:
    statements = [
        states(Kind.RESPIRATORY_RATE, 0, respiratory_rate=22),
        states(Kind.SATURATION, 0, spo2_percent=95),
        states(Kind.VENTILATOR_RATE, 1, respiratory_rate=24),
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ventilator = Played(tmp_path / "a", statements)
    rates = Played(tmp_path / "b", statements, assessments=Assessments.RATES)
    assert [data["respiratory_rate"] for data in ventilator.data("assessment_completed")] == [24]
    assert [data["respiratory_rate"] for data in rates.data("assessment_completed")] == [22, 24]


# ── oxygen ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "is_oxygen"),
    [
        ({"flow_l_min": 2}, True),
        ({"flow_l_min": 0}, False),
        ({"fio2": 0.4}, True),
        ({"fio2": 0.21}, False),
        ({"device": "nasal cannula"}, True),
        ({"device": "none"}, False),
    ],
)
def test_the_first_oxygen_is_ordered_before_it(tmp_path: Path, values: dict[str, Any], is_oxygen: bool) -> None:
    played = Played(
        tmp_path, [states(Kind.SATURATION, 0, spo2_percent=80), states(Kind.SUPPORT, 10, known=30, **values)]
    )
    assert played.types == ["spo2_observed", *(["oxygen_ordered"] if is_oxygen else []), "oxygen_changed"]
    for order in (message for message in played if message.type == "oxygen_ordered"):
        assert order.derived
        assert order.event["detail"]["occurred_at"] == "2150-03-02T08:10:00+00:00"
        assert order.event["detail"]["actor"] == {"id": "REPLAY-PROVIDER", "role": "PROVIDER"}
        assert order.at == epoch(30)


def test_an_encounter_is_ordered_oxygen_once(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, at, flow_l_min=2) for at in range(5)])
    assert played.types.count("oxygen_ordered") == 1


def test_an_order_is_never_dated_after_it_became_known(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 60, known=10, flow_l_min=2)])
    assert [message.event["detail"]["occurred_at"][11:16] for message in played] == ["08:10", "09:00"]


def test_oxygen_that_becomes_known_after_the_end_is_not_ordered(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.ENDED, 60), states(Kind.SUPPORT, 10, known=90, flow_l_min=2)])
    assert played.types == ["patient_discharged", "oxygen_changed"]


def test_no_device_means_no_flow(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, flow_l_min=2), states(Kind.SUPPORT, 60, device="none")])
    assert played.data("oxygen_changed") == [{"flow_l_min": 2}, {"device": "none", "flow_l_min": 0}]


def test_no_device_beside_a_flow_is_left_a_contradiction(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, flow_l_min=2), states(Kind.SUPPORT, 0, device="none")])
    assert played.data("oxygen_changed") == [{"flow_l_min": 2}, {"device": "none"}]


def test_the_flow_is_the_sum_of_the_sources_of_one_time(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.SUPPORT, 0, flow_l_min=10),
            states(Kind.SUPPORT, 0, flow_l_min=4, source=2),
            states(Kind.SUPPORT, 60, flow_l_min=3, source=2),
        ],
    )
    assert [data["flow_l_min"] for data in played.data("oxygen_changed")] == [10, 14, 3]


@pytest.mark.parametrize("values", [{"flow_l_min": 0}, {"device": "none"}])
def test_a_second_source_that_is_off_says_nothing_about_the_first(tmp_path: Path, values: dict[str, Any]) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, flow_l_min=10), states(Kind.SUPPORT, 0, source=2, **values)])
    assert len(played.data("oxygen_changed")) == 1
    assert played.dismissed == [NotApplicable.SECOND_SOURCE_OFF]


# ── age ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("contexts", "age", "assumed"),
    [
        ([Context("birth", "P-1", "2143-03-02")], 7, 0),
        ([Context("birth", "P-1", "2143-03-03")], 6, 0),
        ([Context("birth", "P-1", "2143")], 7, 0),
        ([Context("birth", "P-1", "unknown")], 65, 1),
        ([], 65, 1),
        ([Context("unit", "E-1", "NICU")], 0, 1),
        ([Context("unit", "E-1", "MICU")], 65, 1),
    ],
)
def test_the_age_at_the_order(tmp_path: Path, contexts: list[Context], age: int, assumed: int) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, flow_l_min=2)], contexts)
    assert played.data("oxygen_ordered")[0]["age_years"] == age
    assert played.course.assumed_ages == assumed


def test_rebased_a_child_stays_a_child(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [states(Kind.SUPPORT, 0, flow_l_min=2)],
        [Context("birth", "P-1", "2143-03-02")],
        newest_at=1_700_000_000.0,
    )
    assert played.data("oxygen_ordered")[0]["age_years"] == 7


def test_an_impossible_date_of_birth_gives_no_age() -> None:
    assert age_at("2143-02-30", epoch(0)) is None


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("documentation", "types"),
    [
        ("signed_note", ["note_written", "note_signed"]),
        ("cosigned_note", ["note_written", "note_signed", "note_cosigned"]),
        ("flowsheet_comment", ["flowsheet_comment_recorded"]),
        (None, []),
    ],
)
@pytest.mark.parametrize("end", [Kind.ENDED, Kind.DIED])
def test_what_was_given_is_documented_as_the_facility_wants(
    tmp_path: Path, documentation: str | None, types: list[str], end: Kind
) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, flow_l_min=2), states(end, 60)], documentation=documentation)
    ended = "patient_discharged" if end is Kind.ENDED else "patient_died"
    assert played.types == ["oxygen_ordered", "oxygen_changed", ended, *types]
    assert [message.derived for message in played] == [True, False, False, *(True for _ in types)]
    notes = {message.event["detail"]["data"].get("note_id") for message in played if message.type.startswith("note_")}
    assert len(notes) <= 1


def test_who_had_no_oxygen_is_not_documented(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SATURATION, 0, spo2_percent=95), states(Kind.ENDED, 60)])
    assert played.types == ["spo2_observed", "patient_discharged"]


def test_documentation_takes_its_place_among_what_others_do(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.SUPPORT, 0, flow_l_min=2),
            states(Kind.ENDED, 60),
            states(Kind.SATURATION, 125, encounter="E-2", spo2_percent=95),
        ],
    )
    assert played.types[-3:] == ["note_written", "spo2_observed", "note_signed"]


# ── ids and form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_can_be_taken_in_and_names_where_it_was_read(tmp_path: Path) -> None:
    played = Played(
        tmp_path,
        [
            states(Kind.SUPPORT, 0, flow_l_min=2, device="nasal cannula"),
            states(Kind.SATURATION, 1, spo2_percent=91),
            states(Kind.VENTILATOR_RATE, 2, respiratory_rate=20),
            states(Kind.ENDED, 60, disposition="HOME"),
        ],
    )
    for message in played:
        event = parse_event(message.raw, now=NEVER_FUTURE)
        assert event.event_id == message.event_id
    assert [message.event["detail"]["correlation"]["replay_record"] for message in played] == [
        "0:2", "0:2", "0:3", "0:4", "0:5", "0:5", "0:5",
    ]  # fmt: skip


def test_ids_are_the_same_in_every_replay_and_show_nobody(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    statements = [states(Kind.SUPPORT, 0, flow_l_min=2), states(Kind.ENDED, 60)]
    first, second = (Played(tmp_path / name, order) for name, order in (("a", statements), ("b", statements[::-1])))
    assert {message.event_id for message in first} == {message.event_id for message in second}
    assert len({message.event_id for message in first}) == len(first.messages)
    assert all("P-1" not in message.raw and "E-1" not in message.raw for message in first)


def test_another_key_gives_other_ids() -> None:
    assert Names(b"one key").name("patient", "P-1") != Names(b"another key").name("patient", "P-1")


def test_an_impossible_value_is_sent_for_intake_to_refuse(tmp_path: Path) -> None:
    played = Played(tmp_path, [states(Kind.SUPPORT, 0, fio2=0.04)])
    assert played.data("oxygen_changed") == [{"fio2": 0.04}]
