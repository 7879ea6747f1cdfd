"""Drafts: what the table says becomes a workflow, what it does not say becomes a question, and the source says the same."""

from __future__ import annotations

import argparse
import ast
import json
import keyword
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local import draft as command
from local.draft import make
from local.paths import CHECKOUT
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind, dump, load
from statemachines.draft import Draft, NoTable, draft
from statemachines.draft.questions import CODES
from statemachines.draft.unanswered import Proposed
from statemachines.verify import codes, verify
from statemachines.verify.codes import Code

ROLES = {
    "RT": "Respiratory therapist",
    "RN": "Nurse",
    "RT_LEAD": "Respiratory therapy lead",
    "PROVIDER": "Ordering provider",
}
EXAMPLE = CHECKOUT / "docs" / "examples" / "handoffs.csv"
HEADING = "No;Step;Who;After what;Done when;Validated by;By when;If late;Only if;Notes"


def rows(*lines: str) -> str:
    return "\n".join([HEADING, *lines, ""])


def drafted(*lines: str) -> Draft:
    return draft(rows(*lines), "ward_round", known_roles=ROLES, origin="table.csv")


def imported(source: str, name: str) -> Definition:
    """The definition that the source defines when it is imported."""
    namespace: dict[str, object] = {"__name__": "drafted"}
    exec(compile(source, "drafted.py", "exec"), namespace)
    found = namespace[name.upper()]
    assert isinstance(found, Definition)
    return found


def asked(made: Draft) -> set[str]:
    return {question.code for question in made.questions}


GOOD = (
    "1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;30 min;RT;;",
    "2;Assess the patient;RT;1;assessment_completed;none;2 h;RT lead;;",
    "3;Sign the note;RT;2;note_signed;none;1 business day;RT lead;;at the desk",
)


# ── a table that says everything ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_table_that_says_everything_leaves_only_the_questions_no_table_answers() -> None:
    made = drafted(*GOOD)
    assert asked(made) == {"BTN-920", "BTN-922", "BTN-923"}, "is that the end; who stands in; and the patient's life"
    definition = made.definition
    assert [state.name for state in definition.states] == [
        "start_oxygen",
        "start_oxygen_overdue",
        "assess_patient",
        "assess_patient_overdue",
        "sign_note",
        "sign_note_overdue",
        "complete",
    ]
    opening, *others = definition.transitions
    assert (opening.sources, opening.on, opening.target) == ((), "oxygen_ordered", "start_oxygen")
    done = {(t.sources, t.on, t.target, t.by) for t in others if t.on != DEADLINE_MISSED}
    assert done == {
        (("start_oxygen", "start_oxygen_overdue"), "oxygen_changed", "assess_patient", ("RN",)),
        (("assess_patient", "assess_patient_overdue"), "assessment_completed", "sign_note", ("RT",)),
        (("sign_note", "sign_note_overdue"), "note_signed", "complete", ("RT",)),
    }
    late = {(t.sources, t.target) for t in others if t.on == DEADLINE_MISSED}
    assert (("assess_patient",), "assess_patient_overdue") in late
    assert (("assess_patient_overdue",), None) in late
    assert definition.state("assess_patient_overdue").owner == "RT_LEAD"
    defaults = {p.name: (p.default, p.unit, p.source) for p in definition.parameters}
    assert defaults["assess_patient_within"] == (120, "min", "table.csv, line 3: “2 h”")
    assert defaults["sign_note_within"] == (1, "business days", "table.csv, line 4: “1 business day”")
    assert "# Notes, line 4: at the desk" in made.source


def test_a_validation_is_a_step_of_its_own_for_somebody_else() -> None:
    made = drafted(GOOD[0], "2;Write the note;RT;1;note_written;Ordering provider;2 h;RT lead;;")
    state = made.definition.state("write_note_validation")
    assert (state.owner, state.validates) == ("PROVIDER", "PROVIDER")
    arrows = {t.target: t for t in made.definition.transitions if t.on != DEADLINE_MISSED}
    assert arrows["write_note_validation"].on == "note_written"
    assert arrows["complete"].separate_from == (arrows["write_note_validation"].id,)
    assert arrows["complete"].by == ("PROVIDER",)
    assert asked(made) >= {"BTN-909"}, "no event tells that it was validated"


def test_what_was_not_said_is_not_in_the_draft_either() -> None:
    made = drafted("1;Start oxygen;?;oxygen_ordered;oxygen_changed;;?;;;")
    state = made.definition.state("start_oxygen")
    assert state.owner is None
    assert state.deadline is None
    assert made.definition.parameters == ()
    found = {finding.code for finding in verify(made.definition)}
    assert {codes.NO_OWNER.id, codes.NO_DEADLINE.id} <= found, "so that it cannot be published by mistake"


def test_the_verifier_has_nothing_to_say_of_a_complete_draft_but_what_tables_leave_out() -> None:
    left_out = {
        codes.UNANSWERED.id,  # what other events do in each state
        codes.LIFE_NOT_DECLARED.id,
        codes.ESCALATION_ENDS.id,  # who comes after the first escalation
    }
    assert {finding.code for finding in verify(drafted(*GOOD).definition)} <= left_out


# ── every question, and a table that does not raise it ───────────────────────────────────────────────────────────────────
QUESTIONS: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("BTN-901", ("1;Start oxygen;;oxygen_ordered;oxygen_changed;none;1 h;RT;;",), GOOD),
    ("BTN-901", ("1;Start oxygen;tbd;oxygen_ordered;oxygen_changed;none;1 h;RT;;",), GOOD),
    ("BTN-902", ("1;Start oxygen;RN/RT;oxygen_ordered;oxygen_changed;none;1 h;RT;;",), GOOD),
    ("BTN-903", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;;RT;;",), GOOD),
    ("BTN-904", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;at once;RT;;",), GOOD),
    ("BTN-905", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;1 h, 5 min if blue;RT;;",), GOOD),
    ("BTN-906", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;;1 h;RT;;",), GOOD),
    ("BTN-907", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;Nurse;1 h;RT;;",), GOOD),
    ("BTN-908", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;1 h;;;",), GOOD),
    ("BTN-909", ("1;Start oxygen;RN;oxygen_ordered;the bell rings;none;1 h;RT;;",), GOOD),
    ("BTN-909", ("1;Start oxygen;RN;the bell rings;oxygen_changed;none;1 h;RT;;",), GOOD),
    ("BTN-910", ("1;Sign the note;RT;oxygen_ordered;;none;1 h;RT lead;;",), GOOD),
    ("BTN-911", (GOOD[0], "2;Assess the patient;RT;;assessment_completed;none;2 h;RT lead;;"), GOOD),
    ("BTN-912", (GOOD[0], "2;Assess the patient;RT;full moon;assessment_completed;none;2 h;RT lead;;"), GOOD),
    ("BTN-913", (GOOD[0], "2;Assess the patient;RT;weaning started;assessment_completed;none;2 h;RT lead;;"), GOOD),
    (
        "BTN-914",
        (*GOOD, "4;File it;RT;2 and 3;filing_retry_requested;none;2 h;RT lead;;"),
        (*GOOD, "4;File it;RT;2 or 3;filing_retry_requested;none;2 h;RT lead;;"),
    ),
    ("BTN-915", (*GOOD, "4;Call the family;RN;2;x;none;2 h;RT;;"), (*GOOD, "4;Call the family;RN;3;x;none;2 h;RT;;")),
    ("BTN-916", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;1 h;RT;SpO2 is low;",), GOOD),
    ("BTN-916", ("1;Start oxygen;RN;oxygen_ordered;oxygen_changed;none;1 h;RT;;unless refused",), GOOD),
    (
        "BTN-917",
        ("1;Start oxygen;RN;2;oxygen_changed;none;1 h;RT;;", "2;Assess;RT;1;assessment_completed;none;1 h;RN;;"),
        GOOD,
    ),
    (
        "BTN-918",
        (*GOOD, "4;One;RN;5;x;none;2 h;RT;;", "5;Two;RN;4;y;none;2 h;RT;;"),
        (*GOOD, "4;One;RN;3;x;none;2 h;RT;;", "5;Two;RN;4;y;none;2 h;RT;;"),
    ),
    (
        "BTN-919",
        (
            "1;Start oxygen;RN;oxygen_ordered or 2;oxygen_changed;none;1 h;RT;;",
            "2;Assess;RT;1;assessment_completed;none;1 h;RN;;",
        ),
        GOOD,
    ),
    ("BTN-920", GOOD, ("1;One;RN;2;x;none;2 h;RT;;", "2;Two;RN;1;y;none;2 h;RT;;")),
    ("BTN-921", ("1;Start oxygen;the system;oxygen_ordered;oxygen_changed;none;1 h;RT;;",), GOOD),
    ("BTN-922", GOOD, ("1;Start oxygen;;oxygen_ordered;oxygen_changed;none;1 h;none;;",)),
    ("BTN-925", (*GOOD, ";;RT;;;;;;;"), (*GOOD, ";;;;;;;;;")),
    ("BTN-926", (*GOOD, "4;Sign the note;RN;3;x;none;2 h;RT;;"), (*GOOD, "4;Sign the order;RN;3;x;none;2 h;RT;;")),
]


@pytest.mark.parametrize(("code", "lines", "others"), QUESTIONS, ids=[f"{q[0]}-{n}" for n, q in enumerate(QUESTIONS)])
def test_what_a_table_leaves_open_is_asked_and_what_it_says_is_not(
    code: str, lines: tuple[str, ...], others: tuple[str, ...]
) -> None:
    made = drafted(*lines)
    assert code in asked(made)
    assert code not in asked(drafted(*others))
    assert imported(made.source, "ward_round") == made.definition
    for question in made.questions:
        assert question.sentence.endswith((".", "?"))
        assert question.mend
        assert question.place.workflow == "ward_round"


def test_questions_about_the_whole_table() -> None:
    unknown = draft("Step,Who,Colour\nStart oxygen,RN,red\n", "x", known_roles=ROLES)
    assert {"BTN-924", "BTN-923"} <= asked(unknown)


def test_every_question_is_asked_somewhere_and_no_code_has_two_meanings() -> None:
    planted = {code for code, *_ in QUESTIONS} | {"BTN-923", "BTN-924"}
    assert planted == {code.id for code in CODES}
    others = [each.id for each in vars(codes).values() if isinstance(each, Code)]
    ids = [code.id for code in CODES]
    assert len(ids) == len(set(ids))
    assert not set(ids) & set(others)


def test_a_question_names_the_line_of_the_table_and_stands_above_the_state() -> None:
    made = drafted(*GOOD[:1], "2;Assess the patient;RT;1;assessment_completed;none;soon;RT lead;;")
    (question,) = [each for each in made.questions if each.code == "BTN-904"]
    assert (question.place.state, question.place.path) == ("assess_patient", "line 3")
    above = made.source[: made.source.index("ASSESS_PATIENT = ")].rstrip().splitlines()[-1]
    assert above == "# BTN-904: “Assess the patient” (line 3) is due “soon”: how long is that at most?"


# ── the source ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_example_compiles_imports_and_says_the_same_as_its_json(tmp_path: Path) -> None:
    made = make(EXAMPLE, "handoffs")
    assert imported(made.source, "handoffs") == made.definition
    assert load(dump(made.definition)) == made.definition
    module = tmp_path / "handoffs.py"
    module.write_text(made.source, encoding="utf-8")
    printed = subprocess.run(
        [sys.executable, "-c", "import handoffs; from statemachines.definition import dump; print(dump(handoffs.HANDOFFS), end='')"],
        env={"PYTHONPATH": f"{tmp_path}:{CHECKOUT}"},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert printed.stdout == dump(made.definition)


def test_the_source_is_in_house_style(tmp_path: Path) -> None:
    module = tmp_path / "handoffs.py"
    module.write_text(make(EXAMPLE, "handoffs").source, encoding="utf-8")
    for what in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *what, "--config", str(CHECKOUT / "pyproject.toml"), str(module)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "title",
    [
        "Say \"hello\" to 'all'",
        "Back\\slash",
        '"""',
        "T",
        "role",
        "emr",
        "lambda",
        "OxygenChanged",
        "{x}",
        "100 %",
        "Größe",
        "minutes",
        "end",
    ],
)
def test_any_words_of_a_table_are_only_words_in_the_source(title: str) -> None:
    cell = title.replace('"', '""')
    made = draft(f'Step,Who,After,Notes\n"{cell}",RT,oxygen_ordered,"{cell} if {cell}"\n', title, origin=title)
    definition = imported(made.source, made.definition.workflow + _ending(made))
    assert definition == made.definition
    assert any(state.title == " ".join(title.split()) for state in definition.states)


def _ending(made: Draft) -> str:
    """The constant's name ends otherwise where another has it already."""
    name = made.definition.workflow.upper()
    return next(
        ending
        for ending in ("", "_workflow", "_workflow_workflow")
        if f"\n{name}{ending.upper()} = workflow(" in made.source
    )


_CELLS = st.one_of(
    st.sampled_from(
        ["", "RT", "RT or RN", "none", "?", "1", "2", "step 1", "2 h", "1 business day", "soon", "oxygen_ordered", "Sign the note",
         "sign the note", "assess", "system", "if it rains", "nobody knows", "T", "1 and 2", "complete", "x overdue", "x"]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_CELLS, min_size=10, max_size=10), min_size=1, max_size=7), st.text(max_size=10))
def test_any_table_becomes_a_draft_whose_source_says_the_same(cells: list[list[str]], name: str) -> None:
    lines = [";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    try:
        made = draft(rows(*lines), name, known_roles=ROLES)
    except NoTable:
        return
    assert load(dump(made.definition)) == made.definition
    constants = [
        target.id
        for node in ast.parse(made.source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.func, ast.Name) and node.value.func.id == "workflow"
    ]
    assert imported(made.source, constants[0]) == made.definition
    names = [state.name for state in made.definition.states]
    assert len(names) == len(set(names))
    assert not any(keyword.iskeyword(name) for name in constants)
    known = set(names)
    for transition in made.definition.transitions:
        assert {*transition.sources, transition.target} - {None} <= known
    assert all(state.kind in (StateKind.WAITING, StateKind.END) for state in made.definition.states)


def test_a_proposed_event_is_a_trigger_of_its_name() -> None:
    assert Proposed("family_informed").event == "family_informed"


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def test_the_command_writes_both_files_and_prints_the_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(EXAMPLE), "--out", str(tmp_path / "made"), "--name", "O2 round") == 0
    said = capsys.readouterr().out
    assert said.startswith("o2_round: ")
    assert "To be answered (" in said
    assert "To be confirmed (" in said
    definition = load((tmp_path / "made" / "workflow.json").read_bytes())
    assert imported((tmp_path / "made" / "o2_round.py").read_text(encoding="utf-8"), "o2_round") == definition


def test_a_draft_that_somebody_may_have_edited_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(EXAMPLE), "--out", str(tmp_path)) == 0
    assert run(str(EXAMPLE), "--out", str(tmp_path)) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert run(str(EXAMPLE), "--out", str(tmp_path), "--force", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["workflow"] == "handoffs"
    assert {question["code"] for question in document["questions"]} >= {"BTN-901", "BTN-904", "BTN-918"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_as_spreadsheets_save_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("Step;Who;By when\r\nPrüfen – genau;RT;1 h\r\n".encode(encoding))
    assert make(path, "t").definition.states[0].title == "Prüfen – genau"


def test_what_is_no_table_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workbook = tmp_path / "table.xlsx"
    workbook.write_bytes(b"PK\x03\x04rest")
    assert run(str(workbook)) == 2
    assert "save the sheet as CSV" in capsys.readouterr().err
    assert run(str(tmp_path / "none.csv")) == 2
