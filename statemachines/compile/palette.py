"""The colours of the pictures: one per owner's role, in the order of the definition, and those with a fixed meaning."""

from __future__ import annotations

from typing import NamedTuple

from statemachines.definition import Definition


class Colour(NamedTuple):
    """A strong shade for borders and labels with white text on it, and a pale one to fill with under dark text."""

    strong: str
    pale: str


INK = "#1F2933"
MUTED = "#52606D"
LINE = "#7B8794"
PAPER = "#FFFFFF"
LATE = "#C2410C"
"""A time limit that passed."""
SYSTEM = Colour("#334155", "#E2E8F0")
"""Baton itself acts."""
CLOSED = Colour("#475569", "#F1F5F9")
"""The case is closed."""
BOX = Colour("#CBD2D9", "#F8FAFC")
"""The box around states that share arrows."""

# Apart from one another also for people who see red and green alike; none is the colour of a passed time limit.
_ROLES = (
    Colour("#6D28D9", "#F3EEFE"),
    Colour("#1D4ED8", "#EAF1FE"),
    Colour("#047857", "#E5F6EF"),
    Colour("#A16207", "#FDF6DD"),
    Colour("#BE185D", "#FDEDF4"),
    Colour("#0E7490", "#E3F6FA"),
    Colour("#4D7C0F", "#F1F8E0"),
    Colour("#78350F", "#F8EFE6"),
)


def role_colours(definition: Definition) -> dict[str, Colour]:
    """The colour of each role, by code; after the eighth they repeat."""
    return {role.code: _ROLES[place % len(_ROLES)] for place, role in enumerate(definition.roles)}
