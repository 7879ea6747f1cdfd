"""The mutation proof finds guards by their syntax, so that one that is added later is tried as well."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.discovery import discovered, parses
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.listed import listed
from tests.mutation.mutation import Mutation

CHECKOUT = Path(__file__).resolve().parents[3]


def _found(root: Path, source: str, file: str = "functions/cases/sweep.py") -> dict[str, str]:
    """What is taken away, and the line as it is then."""
    Path(root, file).parent.mkdir(parents=True, exist_ok=True)
    Path(root, file).write_text(source)
    return {each.what: _changed(root, each, source) for each in discovered(root)}


def _changed(root: Path, mutation: Mutation, source: str) -> str:
    assert parses(mutation, root)
    after = mutation.source(root).decode()
    return "\n".join(
        new.strip() for new, old in zip(after.splitlines(), source.splitlines(), strict=False) if new != old
    )


@pytest.mark.parametrize(
    ("source", "what", "left"),
    [
        ("w(C, (Condition('rev', EQ, 1),))", "no Condition('rev', EQ, 1)", "w(C, ())"),
        ("w((Condition('a'), Condition('b')))", "no Condition('a')", "w((Condition('b'),))"),
        ("w((Condition('a'), Condition('b')))", "none of (Condition('a'), Condition('b'))", "w(())"),
        ("n = Condition('a'); w((n, x))", "no n", "n = Condition('a'); w((x,))"),
        ("Put(row, NEW)", "no NEW", "Put(row, ())"),
        ("c.also(Check(k, c), x)", "no Check(k, c)", "c.also(x)"),
        ("n = marked(mark, None)", "no marked(mark, None)", "n = ()"),
        ("go(row, mark=mark)", "go: nobody looks at the mark", "go(row, mark=None)"),
        ("Update(k, add={'rev': 1, 'n': 1})", "not counted in the lock", "Update(k, add={'n': 1})"),
        ("if a < b:\n    x()", "never: a < b", "if False:"),
        ("if a and b:\n    x()", "not asked: a (of a and b)", "if ((b)):"),
        ("settle(services, row)", "not done: settle(services, row)", "pass"),
        ("try:\n    x()\nexcept SeenBefore:\n    return_()", "not answered: SeenBefore", "raise"),
        ("with suppress(Contention):\n    x()", "no suppress(Contention)", "with suppress():"),
        ("with faults.kept():\n    x()", "no faults.kept()", "with __import__('contextlib').nullcontext():"),
        ("y = [a for a in b if a.seen]", "whether or not: a.seen", "y = [a for a in b if True]"),
    ],
)
def test_each_kind_of_guard_is_found(tmp_path: Path, source: str, what: str, left: str) -> None:
    assert _found(tmp_path, source)[what] == left


@pytest.mark.parametrize(
    ("source", "what", "left"),
    [
        ("Queue(s, dead_letter_queue=q)", "Queue without dead_letter_queue", "Queue(s)"),
        ("Queue(dead_letter_queue=q, name=n)", "Queue without dead_letter_queue", "Queue( name=n)"),
        ("queue.feed(f)", "not done: queue.feed(f)", "pass"),
    ],
)
def test_each_delivery_of_the_stack_is_found(tmp_path: Path, source: str, what: str, left: str) -> None:
    assert _found(tmp_path, source, "cdk/queues.py")[what] == left


def test_a_module_of_the_stack_that_is_added_later_is_looked_at(tmp_path: Path) -> None:
    assert "not done: queue.feed(f)" in _found(tmp_path, "queue.feed(f)", "cdk/later.py")


def test_the_words_of_another_language_do_not_shift_what_is_taken_away(tmp_path: Path) -> None:
    assert _found(tmp_path, "x('→ é'); Put(row, NEW)")["no NEW"] == "x('→ é'); Put(row, ())"


def test_every_condition_of_the_functions_is_among_them() -> None:
    """Counted without the finder: whatever calls Condition is taken away by some mutation."""
    taken: dict[str, list[tuple[int, int]]] = {}
    for each in discovered(CHECKOUT):
        if each.what.startswith(("no ", "none of ")):
            taken.setdefault(each.file, []).extend((edit.start, edit.end) for edit in each.edits)
    for path in Path(CHECKOUT, "functions").rglob("*.py"):
        file = path.relative_to(CHECKOUT).as_posix()
        lines = path.read_bytes().splitlines(keepends=True)
        tree = ast.parse(path.read_bytes())
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Condition":
                if node in named.values():
                    continue  # a condition with a name is taken away where the name is used
                at = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
                assert any(start <= at < end for start, end in taken[file]), f"{file}:{node.lineno}"


def test_everything_that_is_taken_away_leaves_python() -> None:
    mutations = [*discovered(CHECKOUT), *listed(CHECKOUT)]
    assert [each.name for each in mutations if not parses(each, CHECKOUT)] == []
    assert len({each.name for each in mutations}) == len(mutations)


def test_what_is_excused_exists() -> None:
    assert set(EQUIVALENT) <= {each.name for each in (*discovered(CHECKOUT), *listed(CHECKOUT))}
