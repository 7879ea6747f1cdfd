"""Arrows that leave ends: drawn and told as another case, and no part of an execution."""

from __future__ import annotations

import csv
import io

import pytest

from events.catalog import NoteSigned, NoteWritten, OxygenChanged, PatientTransferred
from statemachines.compile.asl import asl
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.mermaid import mermaid
from statemachines.compile.shape import Shape
from statemachines.definition import Definition, State
from statemachines.language import T, emr, end
from statemachines.published import published, versions
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import DEAD, DONE, LATE, NURSE, OPEN, SENDING, SMALL

QUIET = end("quiet", "Quiet", emr=emr("completed", "quiet"), ignores={OxygenChanged: "nobody asks any more"})


def reopening(*rows: object) -> Definition:
    arrows = rows or (
        T("T-20", (DONE, DEAD), on=OxygenChanged, to=LATE, by=NURSE, reopens=True, because="oxygen again"),
    )
    states = (OPEN, LATE, SENDING, DONE, DEAD, QUIET)
    ending = T("T-19", LATE, on=OxygenChanged, to=QUIET, because="quiet")
    return SMALL.model_copy(update={"states": states, "transitions": (*SMALL.transitions, ending, *arrows)})


def test_the_execution_of_a_case_knows_nothing_of_the_one_that_re_opens() -> None:
    machine = asl(reopening())
    assert machine["States"]["done"] == {"Type": "Succeed", "Comment": "Done"}
    assert "T-20" not in str(machine)
    resume = machine["States"][machine["StartAt"]]
    assert "late" in [choice["Next"] for choice in resume["Choices"]], "a new execution begins there"


def test_the_main_path_ends_where_the_case_does() -> None:
    assert Shape(reopening()).main_path == Shape(SMALL).main_path


def places(definition: Definition, id: str) -> list[str]:
    """Where a transition is drawn, by the kind of place; an arrow between two states counts each time."""
    shape = Shape(definition)
    drawn = {
        "opening": [shape.opening],
        "arrow": [arrow.transitions for arrow in shape.arrows],
        "again": list(shape.again.values()),
        "shared": [group.transitions for group in shape.shared],
        "reopening": [again.transitions for again in shape.reopening],
    }
    return [kind for kind, groups in drawn.items() for group in groups for row in group if row.id == id]


MANY_ENDS = tuple(end(f"end_{n}", f"End {n}", emr=emr("completed", f"end-{n}")) for n in range(5))


@pytest.mark.parametrize("ends", [(DONE,), (DONE, DEAD), (DONE, DEAD, *MANY_ENDS)], ids=len)
def test_it_is_drawn_in_one_place_however_many_ends_it_leaves(ends: tuple[State, ...]) -> None:
    row = T("T-20", ends, on=OxygenChanged, to=LATE, reopens=True, because="oxygen again")
    definition = reopening(row).model_copy(update={"states": (*reopening().states, *MANY_ENDS)})
    assert places(definition, "T-20") == ["reopening"]
    assert dot(definition).count("<B>T-20</B>") == 1
    assert mermaid(definition).count("T-20") == 1


@pytest.mark.parametrize(
    "definition",
    [*WORKFLOWS.values(), *(published(*version) for version in versions())],
    ids=lambda d: f"{d.workflow} {d.version}",
)
def test_every_arrow_of_every_version_has_one_kind_of_place_and_re_opening_ones_their_own(
    definition: Definition,
) -> None:
    text = dot(definition)
    for row in definition.transitions:
        kinds = set(places(definition, row.id))
        assert len(kinds - {"again"}) == 1 or kinds == {"again"}, row.id
        assert (kinds == {"reopening"}) == row.reopens, row.id
        shown = text.count(f"<B>{row.id}</B>")
        assert shown == 1 if row.reopens else shown >= 1, row.id


def test_a_dotted_arrow_leaves_a_dotted_box_that_names_the_ends_and_no_end_itself() -> None:
    text = dot(reopening())
    (box,) = [line for line in text.splitlines() if line.startswith('  "after 0" [')]
    assert "After Done; Dead: a new case" in box
    assert 'style="rounded,dotted"' in box
    (arrow,) = [line for line in text.splitlines() if "<B>T-20</B>" in line]
    assert arrow.startswith('  "after 0" -> "late" [')
    assert 'style="dotted"' in arrow
    assert '"done" -> ' not in text
    assert '"dead" -> ' not in text
    assert "dotted arrow: a new case" in text
    assert "dotted" not in dot(SMALL)


def test_the_ends_are_named_in_the_order_of_the_states() -> None:
    row = T("T-20", (DEAD, DONE), on=OxygenChanged, to=LATE, reopens=True, because="oxygen again")
    assert [again.ends for again in Shape(reopening(row)).reopening] == [("done", "dead")]


def test_those_that_leave_the_same_ends_for_the_same_state_share_a_box_and_others_have_their_own() -> None:
    """A box with arrows to several states could stand beside only one of them."""
    rows = (
        T("T-20", (DONE, DEAD), on=OxygenChanged, to=LATE, reopens=True, because="oxygen again"),
        T("T-21", (DEAD, DONE), on=NoteSigned, to=LATE, reopens=True, because="signed again"),
        T("T-22", (DONE, DEAD), on=NoteWritten, to=OPEN, reopens=True, because="written again"),
        T("T-23", DONE, on=PatientTransferred, to=OPEN, reopens=True, because="elsewhere"),
    )
    boxes = [[row.id for row in again.transitions] for again in Shape(reopening(*rows)).reopening]
    assert sorted(boxes) == [["T-20", "T-21"], ["T-22"], ["T-23"]]


def test_they_are_in_the_order_of_the_ends() -> None:
    rows = (
        T("T-20", DEAD, on=OxygenChanged, to=OPEN, reopens=True, because="oxygen again"),
        T("T-21", (DEAD, DONE), on=NoteSigned, to=SENDING, reopens=True, because="signed again"),
        T("T-22", DONE, on=NoteWritten, to=LATE, reopens=True, because="written again"),
    )
    ends = [again.ends for again in Shape(reopening(*rows)).reopening]
    assert ends == [("done",), ("done", "dead"), ("dead",)]


def test_what_begins_another_case_is_told_first() -> None:
    """Told last, it makes the picture of a large workflow half as wide again, with labels upon labels."""
    text = dot(reopening())
    assert text.index('"after 0" -> ') < min(text.index('"open" ['), text.index('"start 0" ['))


def test_one_that_leaves_nothing_is_drawn_as_an_opening() -> None:
    """The verifier refuses it; the picture of a faulty workflow shows it all the same."""
    row = T("T-20", None, on=OxygenChanged, to=LATE, reopens=True, because="oxygen again")
    assert places(reopening(row), "T-20") == ["opening"]


def test_mermaid_draws_it_from_a_state_that_names_the_ends() -> None:
    lines = mermaid(reopening()).splitlines()
    assert '  state "After Done#59; Dead#58; a new case" as after_0' in lines
    (line,) = [line for line in lines if "T-20" in line]
    assert line.startswith("  after_0 --> late: T-20 oxygen changed")
    assert [line for line in lines if line.startswith("  done --> ")] == ["  done --> [*]"]


def test_the_table_says_that_another_case_begins() -> None:
    page = markdown(reopening())
    assert "| **T-20** | after Done; Dead: a new case | oxygen changed |" in page
    assert "| Re-opened by | T-20 oxygen changed (Nurse) → Late |" in page
    assert "| oxygen changed | **ignored** | Quiet | nobody asks any more |" in page
    assert "unless what happens after its end re-opens it" in page
    assert "after a case has ended, it may re-open it (**T-20**)" in page
    rows = list(csv.DictReader(io.StringIO(csv_rows(reopening()))))
    assert next(row for row in rows if row["id"] == "T-20")["from"] == "after Done; Dead: a new case"


def test_a_workflow_that_re_opens_nothing_says_nothing_of_it() -> None:
    page = markdown(SMALL)
    assert "re-open" not in page.lower()
    assert "A closed case refuses every event." in page


def test_several_rows_each_name_their_arrows() -> None:
    rows = (
        T("T-20", DONE, on=OxygenChanged, to=LATE, reopens=True, because="oxygen again"),
        T("T-21", DEAD, on=OxygenChanged, to=OPEN, reopens=True, because="alive"),
        T("T-22", DEAD, on=NoteSigned, to=OPEN, reopens=True, because="alive"),
    )
    page = markdown(reopening(*rows))
    assert "it may re-open it (**T-20, T-21**)" in page
    assert "it may re-open it (**T-22**)" in page
