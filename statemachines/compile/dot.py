"""The state diagram in Graphviz' DOT language.

The main path runs straight down; owners are colours; what a passed time limit does is dashed; an arrow that many states
share leaves the box around them; one that re-opens a case leaves a dotted box that names the ends.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cached_property

from statemachines.compile.graphviz import (
    SPARE,
    attribute_list,
    chip,
    escaped,
    left,
    paragraph,
    quoted,
    stacked,
    wrapped,
)
from statemachines.compile.palette import BOX, CLOSED, INK, LATE, LINE, MUTED, PAPER, SYSTEM, Colour, role_colours
from statemachines.compile.shape import Arrow, Reopening, Shape, Shared
from statemachines.compile.wording import Wording
from statemachines.definition import DEADLINE_MISSED, Definition, State, StateKind, Transition

FONT = "Helvetica"
"""Measures the text; Arial and Liberation Sans, which stand in for it elsewhere, are as wide."""

_ARROW_WIDTH = 26
"""Characters in a line of an arrow's label."""
_BOX_WIDTH = 60
"""Characters in a line of the text in a box around states."""
_CARD_WIDTH = 34
"""Characters in a line of a state's card."""
VEIL = f"{PAPER}cc"
"""Behind an arrow's label: a line that crosses it stays visible, and the words stay readable."""


def dot(definition: Definition, wording: Wording | None = None) -> str:
    """The diagram of a workflow as DOT; the same definition gives the same text."""
    return _Drawing(definition, wording or Wording(definition)).text()


class _Drawing:
    def __init__(self, definition: Definition, wording: Wording) -> None:
        self.definition = definition
        self.shape = Shape(definition)
        self.wording = wording
        self.colours = role_colours(definition)

    def text(self) -> str:
        lines = [f"digraph {quoted(self.definition.workflow)} {{"]
        lines += [
            f"  graph {attribute_list(self._graph())}",
            f"  node {attribute_list(_NODE)}",
            f"  edge {attribute_list(_EDGE)}",
        ]
        # Graphviz arranges by what it is told first: told last, these can make a picture half as wide again, and a tangle.
        for place, again in enumerate(self.shape.reopening):
            lines += self._reopening(place, again)
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
        badges = [chip(role.title, self.colours[role.code]) for role in d.roles if role.code in owners]
        if any(state.kind is StateKind.SYSTEM for state in d.states):
            badges.append(chip("Baton itself acts", SYSTEM))
        badges.append(chip("Case closed", CLOSED))
        owned = "".join(f'<TD ALIGN="LEFT">{badge}</TD><TD WIDTH="4"></TD>' for badge in badges)
        late = f'<FONT POINT-SIZE="10" COLOR="{LATE}">dashed arrow: a time limit passed </FONT>'
        if any(transition.reopens for transition in d.transitions):
            late += f'<FONT POINT-SIZE="10" COLOR="{MUTED}">· dotted arrow: a new case, after the end of one </FONT>'
        if any(state.optional is not None for state in d.states):
            late += f'<FONT POINT-SIZE="10" COLOR="{MUTED}">· dashed box: only where the facility wants it </FONT>'
        limits = f'<FONT POINT-SIZE="10" COLOR="{MUTED}">· limits are defaults that a facility may set</FONT>'
        version = f"{d.workflow}, version {d.version}, {self.wording.digest[:12]}"
        rows = [
            f'<FONT POINT-SIZE="22"><B>{escaped(d.title)}</B></FONT>',
            *(
                f'<FONT POINT-SIZE="11" COLOR="{MUTED}">{escaped(line)}</FONT>'
                for line in textwrap.wrap(d.purpose, 130)
            ),
            f'<FONT POINT-SIZE="10" COLOR="{MUTED}">{escaped(version)}</FONT>',
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{owned}{SPARE}</TR></TABLE>',
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
        return f"{indent}{quoted(state.name)} {attribute_list(attributes)}"

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
        badge = chip("Baton itself" if system else owner, self._colour(state))
        limit = f"within {self.wording.duration(state.deadline.within)}" if state.deadline is not None else ""
        title = f'<FONT POINT-SIZE="14"><B>{escaped(state.title)}</B></FONT>'
        owned = (
            '<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
            f'<TD ALIGN="LEFT">{badge}</TD><TD WIDTH="7"></TD><TD ALIGN="LEFT"><B>{escaped(limit)}</B></TD>{SPARE}</TR></TABLE>'
        )
        lines = wrapped(f"accountable: {owner}" if system else state.instruction, _CARD_WIDTH, INK, 10)
        for each in state.checklist.items if state.checklist is not None else ():
            lines += wrapped(f"□ {each.title}: {self.wording.role(each.owner)}", _CARD_WIDTH, MUTED)
        if state.opens is not None:
            lines += wrapped(
                f"opens its own case: {self.wording.name(state.opens.workflow)}", _CARD_WIDTH, SYSTEM.strong
            )
        for sooner in state.deadline.sooner if state.deadline is not None else ():
            lines += wrapped(
                f"{self.wording.duration(sooner.within)} {self.wording.provided(sooner.when)}", _CARD_WIDTH, MUTED
            )
        if state.optional is not None:
            lines += wrapped(f"only where {self.wording.guard(state.optional)}", _CARD_WIDTH, MUTED, italic=True)
        for transition in self.shape.again.get(state.name, ()):
            lines += self._again(transition)
        return stacked(left(title), left(owned), paragraph(lines))

    def _again(self, transition: Transition) -> list[str]:
        words = self.wording.cause(transition)
        if (reason := self.wording.condition(transition)) is not None:
            words += f", {reason}"
        colour = LATE if transition.on == DEADLINE_MISSED else MUTED
        return wrapped(f"↻ {transition.id} {words}", _CARD_WIDTH, colour, bold=transition.id)

    # ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _opening(self) -> list[str]:
        lines = []
        for place, transition in enumerate(self.shape.opening):
            start = quoted(f"start {place}")
            mark = {"shape": "circle", "style": "filled", "label": "", "width": "0.18", "color": INK, "fillcolor": INK}
            lines.append(f"  {start} {attribute_list({**mark, 'group': 'main', 'tooltip': 'a case opens'})}")
            lines.append(f"  {start} -> {quoted(transition.target or '')} {attribute_list(self._main((transition,)))}")
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
        if not arrow.late and arrow.source in self._beside.get(arrow.target, ()):
            attributes["weight"] = "0"  # a row follows its time limits; the way back has no say in its order
        return f"  {quoted(arrow.source)} -> {quoted(arrow.target)} {attribute_list(attributes)}"

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
            lines += wrapped(
                f"{transition.id} {self.wording.cause(transition)}", _ARROW_WIDTH, colour, bold=transition.id
            )
            reason = reasons[place]
            if reason is not None and reason not in reasons[place + 1 : place + 2]:
                lines += wrapped(reason, _ARROW_WIDTH + 2, MUTED, italic=True)
        return (
            '<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD WIDTH="5"></TD><TD>'
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="{VEIL}">{paragraph(lines)}</TABLE></TD></TR></TABLE>>'
        )

    def _told(self, transition: Transition) -> str:
        told = f"{transition.id} {self.wording.event(transition.on)}"
        if transition.when is not None:
            told += f", {self.wording.provided(transition.when, defaults=True)}"
        if transition.by:
            told += f"; by {self.wording.roles(transition.by)}"
        return f"{told}: {transition.because}"

    # ── shared arrows ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _box(self, place: int, group: Shared) -> list[str]:
        attributes = {"style": "rounded,filled", "color": BOX.strong, "fillcolor": BOX.pale, "penwidth": "1.2"}
        attributes |= {"margin": "16", "labelloc": "t", "labeljust": "r", "label": self._from_each(group)}
        attributes["tooltip"] = f"each of: {self.wording.states(group.states)}"
        return [
            f"  subgraph {quoted(f'cluster_{place}')} {{",
            f"    graph {attribute_list(attributes)}",
            *(self._state(self.definition.state(name), "    ") for name in group.states),
            "  }",
        ]

    def _from_each(self, group: Shared) -> str:
        """What leads from every step in a box to one of them. As much room stays free on its left, for the main path."""
        if not group.inside():
            return ""
        lines = [*wrapped("From each step in this box", _BOX_WIDTH, MUTED, 10), *self._inside(group)]
        free = 5 * max(30, *(min(_BOX_WIDTH, len(words)) for _, words in self._said_inside(group)))
        return (
            f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD WIDTH="{free}"></TD><TD>'
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{paragraph(lines)}</TABLE></TD></TR></TABLE>>'
        )

    def _inside(self, group: Shared) -> list[str]:
        said = self._said_inside(group)
        return [line for id, words in said for line in wrapped(words, _BOX_WIDTH, INK, bold=id)]

    def _said_inside(self, group: Shared) -> list[tuple[str, str]]:
        """The transitions to one of the group's own states, each with its id, in words."""
        return [
            (t.id, f"{t.id} {self.wording.cause(t)} → {self.wording.state(t.target) if t.target else 'stays'}")
            for t in group.inside()
        ]

    def _from_box(self, place: int, group: Shared) -> list[str]:
        """One arrow for each target, from the box's edge; it starts at the last step of the main path inside."""
        last = [name for name in self.shape.main_path if name in group.states][-1:] or group.states[-1:]
        lines = []
        for target, transitions in group.leaving().items():
            main = any((name, target) in self.shape.main_steps for name in group.states)
            attributes = self._main(transitions) if main else self._said(transitions)
            attributes["ltail"] = f"cluster_{place}"
            lines.append(f"  {quoted(last[0])} -> {quoted(target)} {attribute_list(attributes)}")
        return lines

    def _from_list(self, place: int, group: Shared) -> list[str]:
        """States that no box can hold are listed in a small one of their own."""
        listed = quoted(f"any {place}")
        title = self.wording.states(group.states)
        title = title[0].upper() + title[1:] if title.startswith("any open step") else f"Each of {title}"
        lines = [self._list(listed, title, "dashed")]
        for target, transitions in group.leaving().items():
            lines.append(f"  {listed} -> {quoted(target)} {attribute_list(self._said(transitions))}")
        if group.inside():
            own = quoted(f"again {place}")
            label = stacked(paragraph(self._inside(group)))
            lines.append(f"  {own} {attribute_list({'shape': 'plaintext', 'style': '', 'label': label})}")
            lines.append(f"  {listed} -> {own} {attribute_list({'style': 'dotted', 'arrowhead': 'none'})}")
        return lines

    def _reopening(self, place: int, again: Reopening) -> list[str]:
        """The ends after which another case begins are listed beside where it does."""
        listed = quoted(f"after {place}")
        title = self.wording.after(again.ends)
        attributes = {**self._said(again.transitions), "style": "dotted"}
        return [
            self._list(listed, title[0].upper() + title[1:], "dotted"),
            f"  {listed} -> {quoted(again.target)} {attribute_list(attributes)}",
        ]

    def _list(self, name: str, title: str, border: str) -> str:
        names = wrapped(title, _CARD_WIDTH, MUTED, 10)
        attributes = {"label": stacked(paragraph(names)), "style": f"rounded,{border}", "color": LINE, "tooltip": title}
        return f"  {name} {attribute_list(attributes)}"

    # ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def _beside(self) -> dict[str, list[str]]:
        """By step of the main path: what its own passed time limit leads to, then what that leads to, to stand beside it."""
        beside: dict[str, list[str]] = {name: [] for name in self.shape.main_path}
        row_of = {name: name for name in self.shape.main_path}
        late = [arrow for arrow in self.shape.arrows if arrow.late]
        for arrow in (*(arrow for arrow in late if arrow.source in beside), *late):
            if arrow.source in row_of and arrow.target not in row_of:
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
        leading = [(arrow.source, arrow.target) for arrow in self.shape.arrows]
        leading += [
            (name, target) for group in self.shape.shared for name in group.states for target in group.leaving()
        ]
        sources = {end: {source for source, target in leading if target == end} for end in ends}
        return frozenset(end for end, of in sources.items() if of and of <= row and end not in self.shape.main_path)

    def _rows(self) -> list[str]:
        top = ["start 0", *(state.name for state in self.definition.states if state.name in self._beside_start)]
        rows = [top, *([name, *beside] for name, beside in self._beside.items())]
        return [f"  {{rank=same; {'; '.join(map(quoted, row))}}}" for row in rows if len(row) > 1]


_NODE = {"shape": "box", "style": "rounded,filled", "penwidth": "1.4", "margin": "0.12,0.08"}
_NODE |= {"fontname": FONT, "fontsize": "10", "fontcolor": INK}
_EDGE = {"fontname": FONT, "fontsize": "9", "fontcolor": INK, "color": LINE, "penwidth": "1.3", "arrowsize": "0.7"}


def _end(state: State) -> str:
    title = f'<FONT POINT-SIZE="14" COLOR="{PAPER}"><B>{escaped(state.title)}</B></FONT>'
    shown = f'<FONT POINT-SIZE="9" COLOR="{PAPER}">the EMR shows: {escaped(state.emr.status)}</FONT>'
    return stacked(f"<TR><TD>{title}</TD></TR>", f"<TR><TD>{shown}</TD></TR>")
