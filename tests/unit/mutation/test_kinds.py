"""Every kind of guard that Baton's promises rest on is among what is taken away, and is told from the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from functions.cases.sweep import Mended
from tests.mutation.discovery import discovered
from tests.mutation.kinds import kind_of
from tests.mutation.listed import listed
from tests.mutation.mutation import Kind, Mutation

CHECKOUT = Path(__file__).resolve().parents[3]
SWEEP = "functions/cases/sweep.py"


@pytest.fixture(scope="module")
def taken() -> list[Mutation]:
    """What is taken away unless one asks for all."""
    return [each for each in (*discovered(CHECKOUT), *listed(CHECKOUT)) if not each.wide]


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_its_guards(taken: list[Mutation], kind: Kind) -> None:
    assert [each for each in taken if each.kind is kind]


@pytest.mark.parametrize(
    ("file", "function", "what", "kind"),
    [
        ("functions/cases/commit.py", "moved", "no NEW", Kind.CONDITION),
        (SWEEP, "_put_off", "no Condition('look_at', Test.EQUALS, hint['look_at'])", Kind.CONDITION),
        ("functions/emr/table_ledger.py", "TableLedger.begin", "no NEW", Kind.CONDITION),
        ("functions/cases/settle.py", "hand_off", "decided: nobody looks at the mark", Kind.MARK),
        ("functions/cases/rows.py", "Park.order", "visits not told apart", Kind.PARK),
        ("functions/cases/events.py", "_again", "not done: settle(services, row)", Kind.SETTLE),
        ("functions/cases/follow.py", "deadline.attempt", "never: generation < row.generation", Kind.GENERATION),
        ("functions/emr/ledger.py", "InMemoryLedger.begin", "never: row.revision > revision", Kind.LEDGER),
        ("cdk/queues.py", "WorkQueue.__init__", "_queue without dead_letter_queue", Kind.DEAD_LETTERS),
        (SWEEP, "mend", "never: answer_deferred(services, row)", Kind.SWEEP),
        ("functions/cases/tasks.py", "handed_to", "never: task.status == CLAIMED", Kind.OTHER),
    ],
)
def test_a_guard_is_told_by_what_it_is_there_for(file: str, function: str, what: str, kind: Kind) -> None:
    assert kind_of(file, function, what) is kind


def test_all_that_the_sweep_mends_can_be_lost(taken: list[Mutation]) -> None:
    lost = {about for each in taken if each.file == SWEEP for about in each.about.split(", ")}
    assert {str(mended) for mended in Mended} - lost == {Mended.NOTHING}


def test_every_rule_of_the_sweep_is_among_them(taken: list[Mutation]) -> None:
    """Counted without the finder: whatever branches, and whatever is done for its effect."""
    source = Path(CHECKOUT, SWEEP).read_bytes()
    lines = source.splitlines(keepends=True)
    spans = {(edit.start, edit.end) for each in taken if each.file == SWEEP for edit in each.edits}

    def at(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + column

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)

    rules = 0
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and not isinstance(node.body[-1], ast.Raise):
            assert span(node.test) in spans, f"{SWEEP}:{node.lineno}"
            rules += 1
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if not ast.unparse(node.value).startswith("faults.append"):
                assert span(node.value) in spans, f"{SWEEP}:{node.lineno}"
            rules += 1
    assert rules > len(Mended)


def test_every_new_is_among_them(taken: list[Mutation]) -> None:
    """Counted without the finder, like the conditions."""
    spans = {(each.file, edit.start) for each in taken for edit in each.edits}
    for path in Path(CHECKOUT, "functions").rglob("*.py"):
        file = path.relative_to(CHECKOUT).as_posix()
        lines = path.read_bytes().splitlines(keepends=True)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Name) and node.id == "NEW" and isinstance(node.ctx, ast.Load):
                at = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
                assert (file, at) in spans, f"{file}:{node.lineno}"


def test_conditions_go_to_aws_in_one_place_only() -> None:
    """Where a write is given other conditions than Condition and NEW, they would be found by no rule above."""
    said = '"ConditionExpression"'
    places = {path.name for path in Path(CHECKOUT, "functions").rglob("*.py") if said in path.read_text()}
    assert places == {"dynamodb.py"}
