"""The state diagram in Graphviz' DOT language.

The main path runs straight down; owners are colours; what a passed time limit does is dashed; an arrow that many states
share leaves the box around them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import escape

from statemachines.compile.palette import BOX, CLOSED, INK, LATE, LINE, MUTED, PAPER, SYSTEM, Colour, role_colours
from statemachines.compile.shape import Arrow, Shape, Shared
from statemachines.compile.wording import Wording
from statemachines.definition import DEADLINE_MISSED, Definition, State, StateKind, Transition, digest

FONT = "Helvetica"
"""Measures the text; Arial and Liberation Sans, which stand in for it elsewhere, are as wide."""

_ARROW_WIDTH = 26
"""Characters in a line of an arrow's label."""
_CARD_WIDTH = 34
"""Characters in a line of a state's card."""


def dot(definition: Definition) -> str:
    """The diagram of a workflow as DOT; the same definition gives the same text."""
    return _Drawing(definition).text()


class _Drawing:
    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.shape = Shape(definition)
        self.wording = Wording(definition)
        self.colours = role_colours(definition)

    def text(self) -> str:
        lines = [f"digraph {_quoted(self.definition.workflow)} {{"]
        lines += [
            f"  graph {_attributes(self._graph())}",
            f"  node {_attributes(_NODE)}",
            f"  edge {_attributes(_EDGE)}",
        ]
        boxed = [group for group in self.shape.shared if group.boxed]
        inside = {name for group in boxed for name in group.states}
        for place, group in enumerate(boxed):
            lines += self._box(place, group)
        lines += [self._state(state) for state in self.definition.states if state.name not in inside]
        lines += self._opening()
        lines += [self._arrow(arrow) for arrow in self.shape.arrows]
        for place, group in enumerate(boxed):
            lines += self._from_box(place, group)
        for place, group in enumerate(group for group in self.shape.shared if not group.boxed):
            lines += self._from_list(place, group)
        lines += self._rows()
        return "\n".join([*lines, "}", ""])

    # ── what surrounds the graph ─────────────────────────────────────────────────────────────────────────────────────────
    def _graph(self) -> dict[str, str]:
        return {
            "rankdir": "TB",
            "compound": "true",
            "newrank": "true",
            "nodesep": "0.35",
            "ranksep": "0.28",
            "pad": "0.35",
            "bgcolor": PAPER,
            "fontname": FONT,
            "fontcolor": INK,
            "labelloc": "t",
            "labeljust": "l",
            "tooltip": self.definition.title,
            "label": self._heading(),
        }

    def _heading(self) -> str:
        d = self.definition
        owners = {state.owner for state in d.states}
        chips = [_chip(role.title, self.colours[role.code]) for role in d.roles if role.code in owners]
        chips += [_chip("Baton itself acts", SYSTEM), _chip("Case closed", CLOSED)]
        owned = "".join(f'<TD ALIGN="LEFT">{chip}</TD><TD WIDTH="4"></TD>' for chip in chips)
        late = f'<FONT POINT-SIZE="10" COLOR="{LATE}">dashed arrow: a time limit passed</FONT>'
        if any(state.optional is not None for state in d.states):
            late += f'<FONT POINT-SIZE="10" COLOR="{MUTED}"> · dashed box: only where the facility wants it</FONT>'
        limits = f'<FONT POINT-SIZE="10" COLOR="{MUTED}"> · limits are defaults that a facility may set</FONT>'
        rows = [
            f'<FONT POINT-SIZE="22"><B>{_text(d.title)}</B></FONT>',
            *(f'<FONT POINT-SIZE="11" COLOR="{MUTED}">{_text(line)}</FONT>' for line in textwrap.wrap(d.purpose, 130)),
            f'<FONT POINT-SIZE="10" COLOR="{MUTED}">{_text(f"{d.workflow}, version {d.version}, {digest(d)[:12]}")}</FONT>',
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{owned}</TR></TABLE>',
            late + limits,
        ]
        body = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="1">{body}<TR><TD HEIGHT="12"></TD></TR></TABLE>>'

    # ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _state(self, state: State, indent: str = "  ") -> str:
        attributes = {"tooltip": self._about(state)}
        if state.name in self.shape.main_path:
            attributes["group"] = "main"
        if state.kind is StateKind.END:
            attributes |= {"label": _end(state), "color": CLOSED.strong, "fillcolor": CLOSED.strong}
        else:
            colour = self._colour(state)
            attributes |= {"label": self._card(state), "color": colour.strong, "fillcolor": colour.pale}
            if state.optional is not None:
                attributes["style"] = "rounded,filled,dashed"
            if state.kind is StateKind.SYSTEM:
                attributes["peripheries"] = "2"
        return f"{indent}{_quoted(state.name)} {_attributes(attributes)}"

    def _colour(self, state: State) -> Colour:
        if state.kind is StateKind.SYSTEM or state.owner is None:
            return SYSTEM
        return self.colours[state.owner]

    def _about(self, state: State) -> str:
        lines = [f"{state.title} ({state.name})"]
        if state.owner is not None:
            lines.append(f"accountable: {self.wording.role(state.owner)}")
        if state.escalates_to is not None:
            lines.append(f"escalates to: {self.wording.role(state.escalates_to)}")
        lines.append(f"the EMR shows: {state.emr.status}, {state.emr.display}")
        return "\n".join(lines)

    def _card(self, state: State) -> str:
        owner = self.wording.role(state.owner)
        system = state.kind is StateKind.SYSTEM
        chip = _chip("Baton itself" if system else owner, self._colour(state))
        limit = f"within {self.wording.duration(state.deadline.within)}" if state.deadline is not None else ""
        title = f'<FONT POINT-SIZE="14"><B>{_text(state.title)}</B></FONT>'
        owned = (
            '<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
            f'<TD ALIGN="LEFT">{chip}</TD><TD WIDTH="7"></TD><TD ALIGN="LEFT"><B>{_text(limit)}</B></TD>{_SPARE}</TR></TABLE>'
        )
        lines = _lines(f"accountable: {owner}" if system else state.instruction, _CARD_WIDTH, INK, 10)
        for sooner in state.deadline.sooner if state.deadline is not None else ():
            lines += _lines(
                f"{self.wording.duration(sooner.within)} if {self.wording.guard(sooner.when)}", _CARD_WIDTH, MUTED
            )
        if state.optional is not None:
            lines += _lines(f"only where {self.wording.guard(state.optional)}", _CARD_WIDTH, MUTED, italic=True)
        for transition in self.shape.again.get(state.name, ()):
            lines += self._again(transition)
        return _table(_row(title), _row(owned), _paragraph(lines))

    def _again(self, transition: Transition) -> list[str]:
        words = self.wording.cause(transition)
        if (reason := self.wording.condition(transition)) is not None:
            words += f", {reason}"
        colour = LATE if transition.on == DEADLINE_MISSED else MUTED
        return _lines(f"↻ {transition.id} {words}", _CARD_WIDTH, colour, bold=transition.id)

    # ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _opening(self) -> list[str]:
        lines = []
        for place, transition in enumerate(self.shape.opening):
            start = _quoted(f"start {place}")
            dot_ = {"shape": "circle", "style": "filled", "label": "", "width": "0.18", "color": INK, "fillcolor": INK}
            lines.append(f"  {start} {_attributes({**dot_, 'group': 'main', 'tooltip': 'a case opens'})}")
            lines.append(f"  {start} -> {_quoted(transition.target or '')} {_attributes(self._main((transition,)))}")
        return lines

    def _arrow(self, arrow: Arrow) -> str:
        if arrow.late:
            attributes = {**self._said(arrow.transitions), "style": "dashed", "color": LATE}
        elif (arrow.source, arrow.target) in self.shape.main_steps:
            attributes = self._main(arrow.transitions)
        else:
            attributes = self._said(arrow.transitions)
        if arrow.target in self._beside_start:
            attributes["constraint"] = "false"
        return f"  {_quoted(arrow.source)} -> {_quoted(arrow.target)} {_attributes(attributes)}"

    def _main(self, transitions: Sequence[Transition]) -> dict[str, str]:
        return {**self._said(transitions), "color": INK, "penwidth": "2.2", "weight": "100"}

    def _said(self, transitions: Sequence[Transition]) -> dict[str, str]:
        told = "\n".join(self._told(transition) for transition in transitions)
        return {"label": self._label(transitions), "tooltip": told, "labeltooltip": told}

    def _label(self, transitions: Sequence[Transition]) -> str:
        """Arrows that go the same way for the same reason say it once."""
        reasons = [self.wording.condition(transition) for transition in transitions]
        lines: list[str] = []
        for place, transition in enumerate(transitions):
            colour = LATE if transition.on == DEADLINE_MISSED else INK
            lines += _lines(
                f"{transition.id} {self.wording.cause(transition)}", _ARROW_WIDTH, colour, bold=transition.id
            )
            reason = reasons[place]
            if reason is not None and reason not in reasons[place + 1 : place + 2]:
                lines += _lines(reason, _ARROW_WIDTH + 2, MUTED, italic=True)
        return (
            '<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD WIDTH="5"></TD><TD>'
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{_paragraph(lines)}</TABLE></TD></TR></TABLE>>'
        )

    def _told(self, transition: Transition) -> str:
        told = f"{transition.id} {self.wording.event(transition.on)}"
        if transition.when is not None:
            told += f", if {self.wording.guard(transition.when, defaults=True)}"
        if transition.by:
            told += f"; by {self.wording.roles(transition.by)}"
        return f"{told}: {transition.because}"

    # ── shared arrows ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _box(self, place: int, group: Shared) -> list[str]:
        lines: list[str] = []
        if inside := group.inside():
            lines += _lines("From each step in this box", 40, MUTED, 10)
            for transition in inside:
                to = "stays" if transition.target is None else f"→ {self.wording.state(transition.target)}"
                lines += _lines(f"{transition.id} {self.wording.cause(transition)} {to}", 60, INK, bold=transition.id)
        attributes = {"style": "rounded,filled", "color": BOX.strong, "fillcolor": BOX.pale, "penwidth": "1.2"}
        attributes |= {
            "margin": "16",
            "labelloc": "t",
            "labeljust": "r",
            "label": _table(_paragraph(lines)) if lines else "",
        }
        attributes["tooltip"] = f"each of: {self.wording.states(group.states)}"
        return [
            f"  subgraph {_quoted(f'cluster_{place}')} {{",
            f"    graph {_attributes(attributes)}",
            *(self._state(self.definition.state(name), "    ") for name in group.states),
            "  }",
        ]

    def _from_box(self, place: int, group: Shared) -> list[str]:
        """One arrow for each target, from the box's edge; it starts at the last step of the main path inside."""
        last = [name for name in self.shape.main_path if name in group.states][-1:] or group.states[-1:]
        lines = []
        for target, transitions in group.leaving().items():
            main = any((name, target) in self.shape.main_steps for name in group.states)
            attributes = self._main(transitions) if main else self._said(transitions)
            attributes["ltail"] = f"cluster_{place}"
            lines.append(f"  {_quoted(last[0])} -> {_quoted(target)} {_attributes(attributes)}")
        return lines

    def _from_list(self, place: int, group: Shared) -> list[str]:
        """States that no box can hold are listed in a small one of their own."""
        listed = _quoted(f"any {place}")
        title = self.wording.states(group.states)
        lines_ = _lines(title[:1].upper() + title[1:], _CARD_WIDTH, MUTED, 10)
        attributes = {"label": _table(_paragraph(lines_)), "style": "rounded,dashed", "color": LINE, "tooltip": title}
        lines = [f"  {listed} {_attributes(attributes)}"]
        for target, transitions in group.leaving().items():
            lines.append(f"  {listed} -> {_quoted(target)} {_attributes(self._said(transitions))}")
        if inside := group.inside():
            own = _quoted(f"again {place}")
            lines.append(f"  {own} {_attributes({'shape': 'plaintext', 'style': '', 'label': self._label(inside)})}")
            lines.append(f"  {listed} -> {own} {_attributes({'style': 'dotted', 'arrowhead': 'none'})}")
        return lines

    # ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def _beside(self) -> dict[str, list[str]]:
        """By step of the main path: what its passed time limit leads to, and so on, to stand beside it."""
        beside: dict[str, list[str]] = {name: [] for name in self.shape.main_path}
        row_of = {name: name for name in self.shape.main_path}
        for arrow in self.shape.arrows:
            if arrow.late and arrow.source in row_of and arrow.target not in row_of:
                row = row_of[arrow.target] = row_of[arrow.source]
                beside[row].append(arrow.target)
        return beside

    @cached_property
    def _beside_start(self) -> frozenset[str]:
        """The ends that only the first row leads to: they stand above it, beside the start, out of the main path's way."""
        if not self.shape.main_path:
            return frozenset()
        first = self.shape.main_path[0]
        row = {first, *self._beside[first]}
        ends = (state.name for state in self.definition.states if state.kind is StateKind.END)
        sources = {end: {arrow.source for arrow in self.shape.arrows if arrow.target == end} for end in ends}
        return frozenset(end for end, of in sources.items() if of and of <= row and end not in self.shape.main_path)

    def _rows(self) -> list[str]:
        top = ["start 0", *(state.name for state in self.definition.states if state.name in self._beside_start)]
        rows = [top, *([name, *beside] for name, beside in self._beside.items())]
        return [f"  {{rank=same; {'; '.join(map(_quoted, row))}}}" for row in rows if len(row) > 1]


_NODE = {"shape": "box", "style": "rounded,filled", "penwidth": "1.4", "margin": "0.12,0.08"}
_NODE |= {"fontname": FONT, "fontsize": "10", "fontcolor": INK}
_EDGE = {"fontname": FONT, "fontsize": "9", "fontcolor": INK, "color": LINE, "penwidth": "1.3", "arrowsize": "0.7"}


_SPARE = "<TD></TD>" * 12
"""A row that is wider than its content spreads the rest over its cells: these take it, so that a chip keeps its size."""


def _end(state: State) -> str:
    title = f'<FONT POINT-SIZE="14" COLOR="{PAPER}"><B>{_text(state.title)}</B></FONT>'
    shown = f'<FONT POINT-SIZE="9" COLOR="{PAPER}">the EMR shows: {_text(state.emr.status)}</FONT>'
    return _table(f"<TR><TD>{title}</TD></TR>", f"<TR><TD>{shown}</TD></TR>")


def _chip(text: str, colour: Colour) -> str:
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="ROUNDED" BGCOLOR="{colour.strong}">'
        f'<TR><TD><FONT POINT-SIZE="9" COLOR="{PAPER}"><B>{_text(text)}</B></FONT></TD></TR></TABLE>'
    )


def _table(*rows: str) -> str:
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>>'


def _row(content: str) -> str:
    return f'<TR><TD ALIGN="LEFT">{content}</TD></TR>'


def _paragraph(lines: Iterable[str]) -> str:
    return _row("".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines))


def _lines(text: str, width: int, colour: str, size: int = 9, *, italic: bool = False, bold: str = "") -> list[str]:
    """Lines of at most ``width`` characters, about equally long; ``bold`` is set bold where it is said first."""
    lines = []
    for line in balanced(text, width):
        words = _text(line)
        if bold and _text(bold) in words:
            words, bold = words.replace(_text(bold), f"<B>{_text(bold)}</B>", 1), ""
        words = f"<I>{words}</I>" if italic else words
        # A line is as high as the largest letter in it: a larger space at its end lets the lines breathe.
        lines.append(f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{words}</FONT><FONT POINT-SIZE="{size + 2}"> </FONT>')
    return lines


def balanced(text: str, width: int) -> list[str]:
    """Wrapped to ``width`` characters in as few lines as that takes, and no wider than they need: no word is left alone."""
    lines = textwrap.wrap(text, width, break_long_words=False)
    for narrower in range(width - 1, 0, -1):
        closer = textwrap.wrap(text, narrower, break_long_words=False)
        if len(closer) > len(lines) or max(map(len, closer), default=0) > narrower:
            break
        lines = closer
    return lines


def _text(text: str) -> str:
    return escape(text, quote=False)


def _attributes(attributes: Mapping[str, str]) -> str:
    """A DOT attribute list; a value in <…> is an HTML-like label and stands unquoted."""
    written = (f"{key}={value if value.startswith('<<') else _quoted(value)}" for key, value in attributes.items())
    return f"[{', '.join(written)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
