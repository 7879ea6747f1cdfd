"""What the words of a table mean: headings, lengths of time, events, roles, earlier steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import CATALOG
from statemachines.draft.matching import event, role_code, several, slug, step
from statemachines.draft.table import COLUMNS, Column, NoTable, column_of, read
from statemachines.draft.timing import understood

ROLES = {
    "RT": "Respiratory therapist",
    "RN": "Nurse",
    "RT_LEAD": "Respiratory therapy lead",
    "PROVIDER": "Ordering provider",
}


# ── headings ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Step", Column.STEP),
        ("STEP NO.", Column.NUMBER),
        ("#  id", Column.NUMBER),
        ("What happens?", Column.STEP),
        ("Who does it?", Column.OWNER),
        ("Performed by", Column.OWNER),
        ("After what…", Column.AFTER),
        ("After which step?", Column.AFTER),
        ("Triggered by (event)", Column.AFTER),
        ("Done when", Column.DONE_WHEN),
        ("Validated by whom?", Column.VALIDATOR),
        ("Signed off by", Column.VALIDATOR),
        ("By when", Column.WITHIN),
        ("Time limit [min]", Column.WITHIN),
        ("If late", Column.ESCALATES),
        ("Only if", Column.CONDITION),
        ("Remarks / comments", Column.NOTES),
        ("Colour of the form", None),
        ("", None),
        ("This sentence says that a step is done by somebody after something", None),
    ],
)
def test_headings_in_many_words(heading: str, column: Column | None) -> None:
    assert column_of(heading) is column


def test_every_word_for_a_column_is_understood_as_that_column() -> None:
    for column, names in COLUMNS.items():
        for name in names:
            assert column_of(name) is column, name


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_delimiter(delimiter: str) -> None:
    table = read(delimiter.join(["Step", "Who", "By when"]) + "\n" + delimiter.join(["Look", "RT", "1 h"]) + "\n")
    (row,) = table.rows
    assert (row[Column.STEP], row[Column.OWNER], row[Column.WITHIN]) == ("Look", "RT", "1 h")


def test_titles_blank_lines_quotes_and_a_byte_order_mark() -> None:
    text = '\ufeffInterviews on ward 3,,\n\nStep,Who,Notes\n\n"Look, then wait",RT,"two\nlines"\n,,only a remark\n'
    table = read(text)
    (row,) = table.rows
    assert row[Column.STEP] == "Look, then wait"
    assert row[Column.NOTES] == "two lines"
    assert table.without_step == (6,)


def test_two_columns_of_one_meaning_are_read_together_and_others_are_named() -> None:
    table = read("Step,Who,Notes,Comments,Colour\nLook,RT,one,two,red\n")
    assert table.rows[0][Column.NOTES] == "one; two"
    assert table.unknown == ("Colour",)


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "Step,Who\n", "Step\nLook\n", "Step,Who\n" + "Look,RT\n" * 501])
def test_what_is_no_table_says_so(text: str) -> None:
    with pytest.raises(NoTable):
        read(text)


# ── by when ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "minutes", "days", "rest"),
    [
        ("30 min", 30, None, ""),
        ("30min.", 30, None, ""),
        ("within 2 h", 120, None, ""),
        ("Within two hours", 120, None, ""),
        ("at most 90 minutes", 90, None, ""),
        ("1 h 30 min", 90, None, ""),
        ("1 hour and 15 minutes", 75, None, ""),
        ("1½ hours", 90, None, ""),
        ("1.5 h", 90, None, ""),
        ("1,5 h", 90, None, ""),
        ("half an hour", 30, None, ""),
        ("an hour", 60, None, ""),
        ("45 seconds", 0.75, None, ""),
        ("2 days", 2880, None, ""),
        ("a week", 10080, None, ""),
        ("2 business days", None, 2, ""),
        ("within 5 working days", None, 5, ""),
        ("<= 4 hrs", 240, None, ""),
        ("2 h (1 h for children)", 120, None, "(1 h for children)"),
        ("30 min after the order", 30, None, "after the order"),
    ],
)
def test_lengths_of_time(text: str, minutes: float | None, days: int | None, rest: str) -> None:
    limit = understood(text)
    assert limit is not None
    assert (limit.minutes, limit.business_days, limit.rest) == (minutes, days, rest)


@pytest.mark.parametrize(
    "text",
    ["", "ASAP", "immediately", "end of shift", "next day", "2-4 h", "2 to 4 hours", "5 pm", "0 min", "1.5 business days",
     "2 business days 3 h", "twice", "400 days", "soon, 2 h"],
)  # fmt: skip
def test_what_is_no_length_of_time_is_not_guessed(text: str) -> None:
    assert understood(text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_positive_length_or_none(text: str) -> None:
    limit = understood(text)
    assert limit is None or (limit.minutes or limit.business_days or 0) > 0


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("note_signed", "note_signed"),
        ("Note signed", "note_signed"),
        ("Sign the note", "note_signed"),
        ("the note was signed", "note_signed"),
        ("Co-sign the note", "note_cosigned"),
        ("writes the note", "note_written"),
        ("Oxygen is ordered", "oxygen_ordered"),
        ("order oxygen", "oxygen_ordered"),
        ("assess", "assessment_completed"),
        ("patient died", "patient_died"),
        ("death of the patient", "patient_died"),
        ("equipment delivery", None),
        ("Titrate", None),
        ("the patient", None),
        ("", None),
        ("call the family", None),
    ],
)
def test_events_by_their_words(text: str, name: str | None) -> None:
    known = [each for each in CATALOG if each in KNOWN]
    assert event(text, known).name == name


KNOWN = {
    "oxygen_ordered", "assessment_completed", "oxygen_changed", "oxygen_discontinued", "order_cancelled", "note_written",
    "note_signed", "note_cosigned", "patient_died", "patient_discharged",
}  # fmt: skip


def test_what_comes_near_is_named() -> None:
    assert event("Titrate oxygen", sorted(KNOWN)).near == ("oxygen_ordered", "oxygen_discontinued", "oxygen_changed")


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_event_is_found_by_its_own_name(name: str) -> None:
    assert event(name, CATALOG).name == name
    assert event(name.replace("_", " ").capitalize(), CATALOG).name == name


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RT", "RT"),
        ("rt", "RT"),
        ("RTs", "RT"),
        ("Respiratory therapist", "RT"),
        ("respiratory therapists", "RT"),
        ("the nurse", "RN"),
        ("Nurse (RN)", "RN"),
        ("RT lead", "RT_LEAD"),
        ("respiratory therapy lead", "RT_LEAD"),
        ("provider", "PROVIDER"),
        ("Physician", None),
        ("Night nurse", None),
    ],
)
def test_roles_by_code_and_title(text: str, code: str | None) -> None:
    assert role_code(text, ROLES) == code


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("RT or RN", ["RT", "RN"]),
        ("RT/RN", ["RT", "RN"]),
        ("RT, RN and provider", ["RT", "RN", "provider"]),
        ("Nurse (day/night)", ["Nurse (day/night)"]),
        ("Coordinator", ["Coordinator"]),
        ("", []),
    ],
)
def test_several_in_one_cell(text: str, parts: list[str]) -> None:
    assert several(text) == parts


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1", 0),
        ("step 2", 1),
        ("after step 2", 1),
        ("#3", 2),
        ("Write the note", 1),
        ("note is written", 1),
        ("assess", 0),
        ("after the assessment is completed", 0),
        ("the note", None),
        ("4", None),
        ("something else", None),
    ],
)
def test_steps_by_number_and_title(text: str, place: int | None) -> None:
    assert step(text, ["Assess the patient", "Write the note", "Sign the note"], ["1", "2", "3"]) == place


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Assess the patient", "assess_patient"),
        ("Überprüfung (Arzt)", "uberprufung"),
        ("2nd look", "x_2nd_look"),
        ("???", "x"),
        ("One two three four five six seven eight", "one_two_three_four_five_six"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert slug(text, "x") == name
