"""How a group of commands adds itself to `baton`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Protocol

Handler = Callable[[argparse.Namespace], int]
"""Does what was asked; the number is the exit code."""


class Add(Protocol):
    """Adds a command by its name, with what it does; its arguments are for the caller to add."""

    def __call__(self, name: str, help: str, handler: Handler) -> argparse.ArgumentParser: ...
