"""The state diagram in Mermaid's language, for places that draw text: pull requests, wikis, chats."""

from __future__ import annotations

from collections.abc import Sequence

from statemachines.compile.palette import CLOSED, PAPER, SYSTEM, role_colours
from statemachines.compile.shape import Arrow, Shape, Shared
from statemachines.compile.wording import TIME_LIMIT_PASSED, Wording
from statemachines.definition import DEADLINE_MISSED, Definition, State, StateKind, Transition


def mermaid(definition: Definition, wording: Wording | None = None) -> str:
    """The diagram of a workflow as a Mermaid stateDiagram-v2; the same definition gives the same text.

    An arrow that many states share is drawn once, from a state that lists them; and one that re-opens a case, from one that
    lists the ends.
    """
    shape, wording = Shape(definition), wording or Wording(definition)
    lines = [
        f"%% {definition.workflow}, version {definition.version}, {wording.digest[:12]}",
        "stateDiagram-v2",
        "  direction TB",
    ]
    lines += [f'  state "{_said(_card(state, wording))}" as {state.name}' for state in definition.states]
    for place, group in enumerate(shape.shared):
        title = wording.states(group.states)
        lines.append(f'  state "{_said(title[:1].upper() + title[1:])}" as any_{place}')
    for place, again in enumerate(shape.reopening):
        title = wording.after(again.ends)
        lines.append(f'  state "{_said(title[:1].upper() + title[1:])}" as after_{place}')
    lines += [f"  [*] --> {t.target}: {_said(_label(t, wording))}" for t in shape.opening]
    for name, transitions in shape.again.items():
        lines.append(_arrow(name, name, transitions, wording))
    lines += [_drawn(arrow, wording) for arrow in shape.arrows]
    for place, group in enumerate(shape.shared):
        lines += _from_group(f"any_{place}", group, wording)
    for place, again in enumerate(shape.reopening):
        lines.append(_arrow(f"after_{place}", again.target, again.transitions, wording))
    lines += [f"  {state.name} --> [*]" for state in definition.states if state.kind is StateKind.END]
    return "\n".join([*lines, *_styles(definition), ""])


def _card(state: State, wording: Wording) -> str:
    if state.kind is StateKind.END:
        return state.title
    owner = "Baton itself" if state.kind is StateKind.SYSTEM else wording.role(state.owner)
    limit = f", within {wording.duration(state.deadline.within)}" if state.deadline is not None else ""
    return f"{state.title}\n{owner}{limit}"


def _drawn(arrow: Arrow, wording: Wording) -> str:
    return _arrow(arrow.source, arrow.target, arrow.transitions, wording)


def _from_group(name: str, group: Shared, wording: Wording) -> list[str]:
    lines = [_arrow(name, target, transitions, wording) for target, transitions in group.leaving().items()]
    return lines + [_arrow(name, transition.target or name, (transition,), wording) for transition in group.inside()]


def _arrow(source: str, target: str, transitions: Sequence[Transition], wording: Wording) -> str:
    label = "\n".join(_label(transition, wording) for transition in transitions)
    return f"  {source} --> {target}: {_said(label)}"


def _label(transition: Transition, wording: Wording) -> str:
    if transition.on == DEADLINE_MISSED:
        return f"{transition.id} {TIME_LIMIT_PASSED}, {transition.because}"
    label = f"{transition.id} {wording.cause(transition)}"
    if transition.when is None:
        return label
    return f"{label}, {wording.condition(transition)}"


_ENTITIES = str.maketrans(
    {"#": "#35;", '"': "#quot;", ";": "#59;", ":": "#58;", "<": "#lt;", ">": "#gt;", "\n": "<br/>"}
)
"""What would end or change Mermaid's text is written as an entity of Mermaid's own."""


def _said(text: str) -> str:
    return text.translate(_ENTITIES)


def _styles(definition: Definition) -> list[str]:
    colours = role_colours(definition)
    groups = {role.code: (colours[role.code].pale, colours[role.code].strong, "#1F2933") for role in definition.roles}
    groups |= {"BATON": (SYSTEM.pale, SYSTEM.strong, "#1F2933"), "CLOSED": (CLOSED.strong, CLOSED.strong, PAPER)}
    lines = []
    for group, (fill, stroke, text) in groups.items():
        members = [state.name for state in definition.states if _group(state) == group]
        if members:
            lines.append(f"  classDef {group} fill:{fill},stroke:{stroke},color:{text}")
            lines.append(f"  class {','.join(members)} {group}")
    return lines


def _group(state: State) -> str:
    if state.kind is StateKind.END:
        return "CLOSED"
    return "BATON" if state.kind is StateKind.SYSTEM or state.owner is None else state.owner
