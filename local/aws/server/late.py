"""Changes to MiniStack modules that it loads when they are first used."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

Change = Callable[[], None]


def when_loaded(module: str, change: Change) -> None:
    """Call `change` when `module` has been loaded, at once if it has been already.

    Loading MiniStack's CloudFormation loads almost every other service with it, which a server that gets no template
    never needs.
    """
    if module in sys.modules:
        change()
    else:
        _waiting.changes.setdefault(module, []).append(change)


class _Waiting(importlib.abc.MetaPathFinder):
    """Finds nothing itself: it has others find the module, and then follows its loading."""

    def __init__(self) -> None:
        self.changes: dict[str, list[Change]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        changes = self.changes.pop(fullname, None)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if changes is not None else None
        if changes is None or spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            for change in changes:
                change()

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


_waiting = _Waiting()
sys.meta_path.insert(0, _waiting)
