"""What an event's data is made of: the base of all data models, and their quantities with units and limits.

The limits reject only what cannot be (a saturation of 140 %), never what is merely alarming: an implausible but
possible value is for a clinician to judge, and must reach one.
"""

from typing import Annotated

from pydantic import Field

from events.envelope import TEXT, WHOLE, Part


class EventData(Part):
    """The data of one event type.

    A field that is absent or null means *not measured* or *not stated*. It never means zero, normal or unchanged, and
    nothing may fill it in. A flag (true/false) is false unless the sender says true.
    """


Saturation = Annotated[float, Field(ge=0, le=100)]
"""Oxygen saturation, %."""

OxygenFlow = Annotated[float, Field(ge=0, le=100)]
"""Oxygen flow, L/min. High-flow nasal oxygen ends at 60-80 L/min."""

OxygenFraction = Annotated[float, Field(ge=0.21, le=1.0)]
"""Fraction of inspired oxygen, 0.21 (room air) to 1.0. Not a percentage."""

BreathsPerMinute = Annotated[float, Field(ge=0, le=200)]
"""Respiratory rate, breaths/min."""

News2 = Annotated[int, Field(ge=0, le=20), WHOLE]
"""National Early Warning Score 2: the sum of seven scores, 0 to 20 (Royal College of Physicians, NEWS2, 2017)."""

AgeYears = Annotated[int, Field(ge=0, le=130), WHOLE]
"""Age in completed years."""

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=TEXT)]
"""Words written by a person, at most 500 characters."""
