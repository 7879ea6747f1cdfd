"""Pieces of Markdown, as GitHub shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def section(title: str, *parts: str) -> str:
    """A heading and what follows it."""
    return "\n\n".join([f"## {title}", *parts])


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))


def broken(lines: Iterable[str]) -> str:
    """Lines of text in one cell; a dash for none."""
    return "<br>".join(cell(line) for line in lines) or "–"


def cell(text: str) -> str:
    """Text in a cell: what Markdown or HTML would take for markup is written so that it is not."""
    return text.translate(_WRITTEN)


_WRITTEN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "*": "\\*", "_": "\\_", "\n": " "})


def anchor(title: str) -> str:
    """The fragment under which a heading is found."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
