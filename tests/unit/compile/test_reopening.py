"""Arrows that leave ends: drawn and told as another case, and no part of an execution."""

from __future__ import annotations

import csv
import io

from events.catalog import NoteSigned, OxygenChanged
from statemachines.compile.asl import asl
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.mermaid import mermaid
from statemachines.compile.shape import Shape
from statemachines.definition import Definition
from statemachines.language import T, emr, end
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


def test_it_is_drawn_dotted_and_does_not_arrange_the_picture() -> None:
    text = dot(reopening())
    (line,) = [line for line in text.splitlines() if '"done" -> "late"' in line]
    assert 'style="dotted"' in line
    assert 'constraint="false"' in line
    assert "dotted arrow: a new case" in text
    assert "dotted" not in dot(SMALL)


def test_even_from_many_ends_it_is_not_drawn_from_a_box() -> None:
    more = tuple(end(f"end_{n}", f"End {n}", emr=emr("completed", f"end-{n}")) for n in range(5))
    row = T("T-20", (DONE, *more), on=OxygenChanged, to=LATE, reopens=True, because="oxygen again")
    definition = reopening(row).model_copy(update={"states": (*reopening().states, *more)})
    assert all(row not in group.transitions for group in Shape(definition).shared)


def test_mermaid_draws_it_from_the_end() -> None:
    (line,) = [line for line in mermaid(reopening()).splitlines() if line.startswith("  done --> late")]
    assert line.startswith("  done --> late: T-20 oxygen changed")


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
