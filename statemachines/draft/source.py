"""A sketch as Python in the workflow language, to be edited by people; importing it gives the same definition."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from textwrap import wrap

from events.catalog import CATALOG
from statemachines.draft.build import END_TITLE, business_status, limits_of
from statemachines.draft.sketch import DEADLINE_REF, ArrowSketch, EventRef, LimitSketch, Sketch, StateSketch

WIDTH = 120
ROW = 132
"""A row of a table may be longer than a line of code."""


def source(sketch: Sketch) -> str:
    """The module's text. It defines one constant in capitals, named after the workflow, that holds the definition."""
    return _Module(sketch).text()


class _Module:
    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.taken = set(keyword.kwlist) | {"T", "DEADLINE", "NOBODY_YET", "NOT_SAID"}
        self.names: dict[tuple[str, str], str] = {}
        for role in sketch.roles:
            self._name("role", role.code, role.code)
        for limit in sketch.limits:
            self._name("limit", limit.name, limit.name)
        for event in sketch.events:
            if event.proposed:
                self._name("event", event.name, event.name.upper())
            else:
                self.names["event", event.name] = CATALOG[event.name].model.__name__
        for state in sketch.states:
            self._name("state", state.name, state.name.upper())
        if sketch.end is not None:
            self._name("state", sketch.end, sketch.end.upper())
        self._name("workflow", sketch.name, sketch.name.upper())

    def _name(self, kind: str, key: str, wanted: str) -> None:
        name = wanted
        while name in self.taken or name in _LANGUAGE:
            name += f"_{kind}" if wanted.islower() else f"_{kind.upper()}"
        self.taken.add(name)
        self.names[kind, key] = name

    def text(self) -> str:
        sections = [
            "\n".join(self._heading()),
            "\n".join(self._imports()),
            self._section("Roles", (self._role(role.code, role.title) for role in self.sketch.roles)),
            self._section("Time limits, as they were said", (*self._makers(), *map(self._limit, self.sketch.limits))),
            self._section(
                "Events that the catalog does not have yet",
                (
                    f"{self.names['event', event.name]} = Proposed({_text(event.name)})"
                    for event in self.sketch.events
                    if event.proposed
                ),
            ),
            self._section("States", (*map(self._state, self.sketch.states), *self._end())),
            self._section("Transitions: one row per arrow", [self._transitions()]),
            self._workflow(),
        ]
        text = "\n\n".join(section for section in sections if section) + "\n"
        return text.replace("\n\n# ── Time limits", "\n\n\n# ── Time limits")  # before a function: two blank lines

    def _heading(self) -> Iterator[str]:
        yield f'"""{_plain(self.sketch.title)}: a draft from {_plain(self.sketch.origin)}.'
        yield ""
        yield from wrap(_plain(self.sketch.purpose), WIDTH - 2)
        count = len(self.sketch.questions)
        yield ""
        yield f"{count} open question{'' if count == 1 else 's'}; those about a step stand above it. Answer them, and delete them."
        yield '"""'

    def _imports(self) -> Iterator[str]:
        known = sorted(CATALOG[event.name].model.__name__ for event in self.sketch.events if not event.proposed)
        if known:
            yield from _import("events.catalog", known)
        yield from _import("statemachines.definition", ["Correlation"])
        body = "\n".join(
            [
                *map(self._limit, self.sketch.limits),
                *map(self._state, self.sketch.states),
                *self._end(),
                self._transitions(),
            ]
        )
        yield from _import(
            "statemachines.draft.unanswered",
            [
                name
                for name, used in (
                    ("NOBODY_YET", "NOBODY_YET" in body),
                    ("NOT_SAID", "NOT_SAID" in body),
                    ("Proposed", any(event.proposed for event in self.sketch.events)),
                    ("expect_proposed", any(event.proposed for event in self.sketch.events)),
                    ("unanswered", "unanswered(" in body),
                )
                if used
            ],
        )
        used = {
            "DEADLINE": "on=DEADLINE" in body,
            "ParameterTerm": bool(self.sketch.limits),
            "T": bool(self.sketch.arrows),
            "business_days": any(limit.business_days for limit in self.sketch.limits),
            "emr": True,
            "end": self.sketch.end is not None,
            "expect": bool(known),
            "minutes": any(not limit.business_days for limit in self.sketch.limits),
            "parameter": bool(self.sketch.limits),
            "role": bool(self.sketch.roles),
            "waiting": True,
            "workflow": True,
        }
        yield from _import("statemachines.language", [name for name, needed in used.items() if needed])

    def _section(self, title: str, parts: Iterable[str]) -> str:
        body = "\n".join(parts)
        if not body:
            return ""
        return f"# ── {title} {'─' * (WIDTH - len(title) - 6)}\n{body}"

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _role(self, code: str, title: str) -> str:
        return _assigned(self.names["role", code], "role", [_text(code), _text(title)])

    def _limit(self, limit: LimitSketch) -> str:
        return _assigned(
            self.names["limit", limit.name],
            _MAKER[limit.business_days],
            [_text(limit.name), _text(limit.title), repr(limit.amount), _text(limit.source)],
        )

    def _makers(self) -> Iterator[str]:
        """The functions that make a limit in one line."""
        for days in sorted({limit.business_days for limit in self.sketch.limits}):
            low, high, unit = limits_of(business_days=days)
            yield f"def {_MAKER[days]}(name: str, title: str, default: float, source: str) -> ParameterTerm:"
            bounds = f"unit={_text(unit)}, minimum={low!r}, maximum={high!r}"
            yield f"    return parameter(name, title, default, source, {bounds})"
            yield ""
            yield ""

    def _state(self, state: StateSketch) -> str:
        limit = next((each for each in self.sketch.limits if each.name == state.limit), None)
        within = "NOT_SAID"
        if limit is not None:
            within = f"{'business_days' if limit.business_days else 'minutes'}({self.names['limit', limit.name]})"
        owner = self.names["role", state.owner] if state.owner is not None else "NOBODY_YET"
        arguments = [
            _text(state.name), _text(state.title), f"owner={owner}", f"within={within}", f"do={_text(state.do)}",
            *([f"validates={self.names['role', state.validates]}"] if state.validates else []),
            *([f"escalates_to={self.names['role', state.escalates_to]}"] if state.escalates_to else []),
            f"emr=emr({_text(state.status)}, {_text(business_status(state.name))})",
        ]  # fmt: skip
        name = self.names["state", state.name]
        comments = [line for comment in state.comments for line in _comment(comment)]
        open_ = state.owner is None or state.limit is None
        written = _filled(
            f"{name} = unanswered(waiting(" if open_ else f"{name} = waiting(", arguments, "))" if open_ else ")"
        )
        return "\n".join([*comments, written])

    def _end(self) -> Iterator[str]:
        if self.sketch.end is not None:
            shown = f"emr=emr({_text('completed')}, {_text(business_status(self.sketch.end))})"
            yield _assigned(
                self.names["state", self.sketch.end], "end", [_text(self.sketch.end), _text(END_TITLE), shown]
            )

    def _transitions(self) -> str:
        if not self.sketch.arrows:
            return "TRANSITIONS = ()"
        rows = [f"    {self._arrow(arrow)}," for arrow in self.sketch.arrows]
        return "\n".join(["TRANSITIONS = (", *rows, ")  # fmt: skip"])

    def _arrow(self, arrow: ArrowSketch) -> str:
        sources = [self.names["state", source_] for source_ in arrow.sources]
        arguments = [
            _text(arrow.id),
            "None" if not sources else sources[0] if len(sources) == 1 else f"({', '.join(sources)})",
            f"on={self._event(arrow.on)}",
            f"to={self.names['state', arrow.target] if arrow.target is not None else 'None'}",
        ]
        roles = [self.names["role", code] for code in arrow.by]
        if roles:
            arguments.append(f"by={roles[0]}" if len(roles) == 1 else f"by=({', '.join(roles)})")
        if arrow.separate_from:
            arguments.append(f"separate_from=({', '.join(_text(each) for each in arrow.separate_from)},)")
        arguments.append(f"because={_text(arrow.because)}")
        return "\n".join(_row("T(", arguments, ")", indent=6, width=ROW - 5))

    def _event(self, event: EventRef) -> str:
        return "DEADLINE" if event == DEADLINE_REF else self.names["event", event.name]

    def _workflow(self) -> str:
        sketch = self.sketch
        states = [self.names["state", state.name] for state in sketch.states]
        if sketch.end is not None:
            states.append(self.names["state", sketch.end])
        expected = [
            f"{'expect_proposed' if event.proposed else 'expect'}({self.names['event', event.name]})"
            for event in sketch.events
        ]
        arguments = [
            _text(sketch.name),
            "1",
            f"title={_text(sketch.title)}",
            f"purpose={_text(sketch.purpose)}",
            "correlation=Correlation.ENCOUNTER",
            f"roles={_tuple([self.names['role', role.code] for role in sketch.roles])}",
            "facts=()",
            f"parameters={_tuple([self.names['limit', limit.name] for limit in sketch.limits])}",
            f"events={_tuple(expected)}",
            f"states={_tuple(states)}",
            "transitions=TRANSITIONS",
        ]
        return _assigned(self.names["workflow", sketch.name], "workflow", arguments)


_MAKER = {False: "_limit", True: "_days"}

_LANGUAGE = frozenset(
    {"business_days", "emr", "end", "expect", "expect_proposed", "minutes", "parameter", "role", "unanswered", "waiting",
     "workflow", "Correlation", "ParameterTerm", "Proposed", "TRANSITIONS"}
)  # fmt: skip
_LANGUAGE |= {each.model.__name__ for each in CATALOG.values()}


def _import(module: str, names: list[str]) -> Iterator[str]:
    if not names:
        return
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield f"from {module} import ("
        yield from (f"    {name}," for name in names)
        yield ")"


def _assigned(name: str, function: str, arguments: list[str]) -> str:
    return _filled(f"{name} = {function}(", arguments, ")")


def _filled(begin: str, arguments: list[str], close: str) -> str:
    """A statement on one line where it fits; else as many arguments to a line as fit."""
    line = f"{begin}{', '.join(arguments)}{close}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines: list[str] = []
    for argument in arguments:
        argument = argument.replace("\n", "\n    ")
        if lines and "\n" not in lines[-1] + argument and len(lines[-1]) + len(argument) + 2 <= WIDTH:
            lines[-1] += f" {argument},"
        else:
            lines.append(f"    {argument},")
    return "\n".join([begin, *lines, f"{close}  # fmt: skip"])


def _row(begin: str, arguments: list[str], close: str, *, indent: int, width: int) -> list[str]:
    """A row of a table: on one line where it fits, else going on below its beginning."""
    lines = [begin]
    for number, argument in enumerate(arguments):
        text = argument + (close if number == len(arguments) - 1 else ",")
        blank = "" if lines[-1] == begin else " "
        if lines[-1] != begin and len(lines[-1]) + len(blank) + len(text) > width:
            lines.append(f"{' ' * indent}{text}")
        else:
            lines[-1] += f"{blank}{text}"
    return lines


def _tuple(items: list[str]) -> str:
    if not items:
        return "()"
    line = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if len(line) <= WIDTH - 20:
        return line
    return "\n".join(["(", *(f"    {item}," for item in items), ")"])


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(_plain(text), WIDTH - 2)]


def _text(text: str) -> str:
    """A literal in double quotes, as the formatter writes it where that needs no more backslashes."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text.replace("\\", "\\\\"))
    if '"' in escaped and "'" not in escaped:
        return f"'{escaped}'"
    return '"' + escaped.replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """Words that a comment or a docstring can hold whatever they are."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("\\", "/").replace('"""', "'''").rstrip('"')
