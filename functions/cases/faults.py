"""Several things are to be done, and a fault in one of them must not keep the others from being done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Faults:
    """What went wrong on the way; nothing is swallowed: whoever collects faults raises them at the end."""

    def __init__(self) -> None:
        self._found: list[Exception] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever is raised in here is kept for later."""
        try:
            yield
        except Exception as fault:  # noqa: BLE001 - raised by raise_together
            self._found.append(fault)

    def raise_together(self) -> None:
        """Raise what went wrong, if anything did: the fault itself, or an ExceptionGroup of several."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise ExceptionGroup(f"{len(self._found)} faults", self._found)
