"""Numbers as charted, and the fraction of inspired oxygen, which is charted in two ways."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def number(text: object) -> float | None:
    """The number, rounded to three decimals; None when it is none.

    Single-precision storage left its trace in such tables: 0.209999993443489 was charted as 0.21.
    """
    if isinstance(text, bool):
        return None
    if isinstance(text, str) and _NUMBER.fullmatch(text.strip()):
        text = float(text)
    if not isinstance(text, (int, float)) or not math.isfinite(text):
        return None
    return round(float(text), 3)


def fraction(value: float) -> float:
    """The fraction of inspired oxygen, charted as a fraction or in percent, whatever the item's unit field says.

    No patient breathes 1 % oxygen, so a number up to 1 is a fraction and a larger one is a percentage. What is impossible either
    way (4, say, or 0.1) stays impossible, for intake to refuse by name.
    """
    return value if value <= 1 else round(value / 100, 4)
