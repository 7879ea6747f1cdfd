"""The page on writing a workflow: its code runs, prints what the page says it prints, and names commands that exist."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from functools import cache
from typing import NamedTuple

import pytest

from local.command import parser
from local.paths import CHECKOUT
from statemachines.compile.dot import dot
from statemachines.compile.handoffs import markdown
from statemachines.definition import Definition, dump, load
from statemachines.draft import COLUMNS
from statemachines.draft.table import column_of
from statemachines.policy import load as load_policy

PAGE = CHECKOUT / "docs" / "writing-a-workflow.md"


class Block(NamedTuple):
    """A fenced block of the page."""

    line: int
    language: str
    text: str


def blocks() -> list[Block]:
    text = PAGE.read_text(encoding="utf-8")
    return [
        Block(text[: match.start()].count("\n") + 1, match["language"], match["text"])
        for match in re.finditer(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


@cache
def read_through() -> tuple[dict[str, object], tuple[tuple[Block, str, str], ...]]:
    """All code run from top to bottom, as somebody would who types it in; and what each block printed and should have."""
    names: dict[str, object] = {"__name__": "room_air"}
    printed: list[tuple[Block, str, str]] = []
    found = blocks()
    for block, following in zip(found, [*found[1:], Block(0, "", "")], strict=True):
        if block.language == "json":
            names["HILLSIDE"] = load_policy(block.text)
        if block.language != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile("\n" * block.line + block.text, str(PAGE), "exec"), names)
        printed.append(
            (block, out.getvalue().rstrip(), following.text.rstrip() if following.language == "text" else "")
        )
    return names, tuple(printed)


def test_the_code_runs_and_prints_what_the_page_says() -> None:
    _, printed = read_through()
    assert len(printed) >= 12
    for block, said, wanted in printed:
        assert said == wanted, f"line {block.line}"


def test_the_example_is_a_whole_workflow() -> None:
    names, _ = read_through()
    definition = names["ROOM_AIR"]
    assert isinstance(definition, Definition)
    assert load(dump(definition)) == definition
    assert "Watching on room air" in markdown(definition)
    assert "watching" in dot(definition)


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"\bbaton ([a-z]+)((?: --?[a-z-]+)*)", PAGE.read_text(encoding="utf-8"))))
)
def test_the_commands_exist_with_the_options_that_the_page_names(command: tuple[str, str]) -> None:
    name, options = command
    (subparsers,) = (action for action in parser(name)._actions if isinstance(action, argparse._SubParsersAction))
    assert name in subparsers.choices
    known = subparsers.choices[name]._option_string_actions
    assert all(option in known for option in options.split())


def test_links_lead_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.casefold()).replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors
        else:
            assert (PAGE.parent / link).resolve().exists()
    for path in re.findall(r"`((?:tests|statemachines|docs|events)/[\w/.]+)`", text):
        made = "room_air" in path
        assert made or (CHECKOUT / path).exists(), path


def test_the_headings_that_the_page_names_are_understood() -> None:
    told = PAGE.read_text(encoding="utf-8").split("## Begin with a table")[1]
    rows = re.findall(r"^\| ([a-z ]+) \| ([^|]+) \|$", told, re.MULTILINE)
    named = {column.removeprefix("the "): headings for column, headings in rows if column != "column"}
    assert set(named) == {str(column) for column in COLUMNS} - {"number"}
    for column, headings in named.items():
        for heading in headings.split(":")[0].split(";")[0].split(","):
            assert str(column_of(heading)) == column, heading
