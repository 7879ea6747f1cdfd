"""Every call through a port, counted; and the death of the process that makes it, just before or just after it takes effect."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import functions

FUNCTIONS = Path(functions.__file__).parent


class When(StrEnum):
    """On which side of a call the process dies."""

    BEFORE = "before"
    AFTER = "after"


class Crash(BaseException):
    """The process is gone. Not an Exception: no handler of errors may live on."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was recorded: the how-manieth of the run, in which invocation, of which port and operation.

    ``changed``: it left the world another one. ``through`` are the functions it was made through, outermost first.
    """

    number: int
    invocation: int
    use_case: str
    port: str
    operation: str
    changed: bool
    through: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.number}: {self.use_case} → {self.port}.{self.operation}"


@dataclass
class Tape:
    """Counts calls while it runs, and lets the process die at those that ``crashes`` names by number."""

    crashes: Mapping[int, When] = field(default_factory=dict)
    fingerprint: Callable[[], object] | None = None
    """Set to record: how the world is, compared before and after every call."""
    calls: list[Call] = field(default_factory=list)
    trace: list[str] | None = None
    running: bool = False
    crashed: int = 0
    _number: int = 0
    _invocation: int = 0
    _invocations: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _use_case: str = ""
    _dead: bool = False

    @property
    def use_case(self) -> str:
        """What is running now."""
        return self._use_case

    @property
    def counted(self) -> int:
        """How many calls were made while it ran."""
        return self._number

    def invoke(self, use_case: str, act: Callable[[], Any]) -> Any:
        """Run one invocation of a use case. Raises Crash when its process died."""
        outer = self._use_case, self._invocation, self._dead
        self._use_case, self._invocation, self._dead = use_case, next(self._invocations), False
        try:
            return act()
        finally:
            self._use_case, self._invocation, self._dead = outer

    def call(self, port: str, operation: str, act: Callable[[], Any]) -> Any:
        """Let one call through a port take effect, unless the process dies before; or die when it has taken effect."""
        if self._dead:
            raise Crash  # what runs while a stack unwinds would not run in a process that is gone
        if not self.running:
            return act()
        number, self._number = self._number, self._number + 1
        when = self.crashes.get(number)
        if when is When.BEFORE:
            self._die(number, port, operation, when)
        before = self.fingerprint() if self.fingerprint is not None else None
        try:
            return act()
        finally:
            if self.fingerprint is not None:
                changed = self.fingerprint() != before
                self.calls.append(Call(number, self._invocation, self._use_case, port, operation, changed, _through()))
            if self.trace is not None:
                self.trace.append(f"  {number:>4}  {self._use_case} → {port}.{operation}")
            if when is When.AFTER:
                self._die(number, port, operation, when)

    def _die(self, number: int, port: str, operation: str, when: When) -> None:
        self._dead = True
        self.crashed += 1
        if self.trace is not None:
            self.trace.append(f"  {number:>4}  † {self._use_case} dies {when} {port}.{operation}")
        raise Crash


class Recorded:
    """Any port or client: whatever it offers, each call of it goes through the tape."""

    def __init__(self, target: Any, port: str, tape: Tape) -> None:
        self._target, self._port, self._tape = target, port, tape

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found) or isinstance(found, type):
            return found

        def call(*positional: Any, **named: Any) -> Any:
            return self._tape.call(self._port, name, lambda: found(*positional, **named))

        return call


def _through() -> tuple[str, ...]:
    """The functions of the product on the stack, outermost first, each once."""
    found: dict[str, None] = {}
    frame = sys._getframe(2)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if FUNCTIONS in file.parents and not frame.f_code.co_qualname.startswith("<"):
            name = f"{'.'.join(file.relative_to(FUNCTIONS.parent).with_suffix('').parts)}.{frame.f_code.co_qualname}"
            found.setdefault(name)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return tuple(reversed(found))
