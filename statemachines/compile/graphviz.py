"""Pieces of Graphviz' DOT language and of its HTML-like labels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from html import escape

from statemachines.compile.palette import PAPER, Colour

SPARE = "<TD></TD>" * 12
"""A row that is wider than its content spreads the rest over its cells: these take it, so that a chip keeps its size."""


def chip(text: str, colour: Colour) -> str:
    """A name on a coloured ground."""
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="ROUNDED" BGCOLOR="{colour.strong}">'
        f'<TR><TD><FONT POINT-SIZE="9" COLOR="{PAPER}"><B>{escaped(text)}</B></FONT></TD></TR></TABLE>'
    )


def stacked(*rows: str) -> str:
    """A label of rows, one below the other."""
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>>'


def left(content: str) -> str:
    """A row of a label."""
    return f'<TR><TD ALIGN="LEFT">{content}</TD></TR>'


def paragraph(lines: Iterable[str]) -> str:
    """A row of several lines."""
    return left("".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines))


def wrapped(text: str, width: int, colour: str, size: int = 9, *, italic: bool = False, bold: str = "") -> list[str]:
    """Lines of at most ``width`` characters, about equally long; ``bold`` is set bold where it is said first."""
    lines = []
    for line in balanced(text, width):
        words = escaped(line)
        if bold and escaped(bold) in words:
            before, after = words.split(escaped(bold), 1)
            if after.startswith(" "):
                # Each piece is drawn on its own, and some renderers drop a space of any kind that a text begins with.
                after = f'<FONT POINT-SIZE="{size}"> </FONT>{after[1:]}'
            words, bold = f"{before}<B>{escaped(bold)}</B>{after}", ""
        words = f"<I>{words}</I>" if italic else words
        # A line is as high as the largest letter in it: a larger space at its end lets the lines breathe.
        lines.append(f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{words}</FONT><FONT POINT-SIZE="{size + 2}"> </FONT>')
    return lines


def balanced(text: str, width: int) -> list[str]:
    """Wrapped to ``width`` characters in as few lines as that takes, and no wider than they need: no word is left alone."""
    if 0 < len(text) <= width and " ".join(text.split()) == text:
        return [text]
    lines = textwrap.wrap(text, width, break_long_words=False)
    # Every width down to that of the longest line gives the same lines, so the next to try is one less.
    while len(lines) > 1 and (narrower := max(map(len, lines)) - 1) > 0:
        closer = textwrap.wrap(text, narrower, break_long_words=False)
        if len(closer) > len(lines) or max(map(len, closer)) > narrower:
            break
        lines = closer
    return lines


def escaped(text: str) -> str:
    """Text inside a label."""
    return escape(text, quote=False)


def attribute_list(attributes: Mapping[str, str]) -> str:
    """A DOT attribute list; a value in <…> is an HTML-like label and stands unquoted."""
    written = (f"{key}={value if value.startswith('<<') else quoted(value)}" for key, value in attributes.items())
    return f"[{', '.join(written)}]"


def quoted(text: str) -> str:
    """A name or a plain value."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
