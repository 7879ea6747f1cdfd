"""What of the product must have been played: every Lambda, and every public function that reaches a port. Found, not listed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import functions
from tests.crash.hospital import HANDLERS

BELOW_THE_PORTS = ("functions.cases.adapters.", "functions.cases.wiring", "functions.emr.transport")
"""Adapters are what ports lead to: the services in memory stand in their place."""


class Wanted(NamedTuple):
    """A function that must be entered: what it is called, and its file and qualified name as frames have them."""

    name: str
    entry: tuple[str, str]


def handlers() -> list[Wanted]:
    """Every Lambda's handler."""
    return [_wanted(importlib.import_module(f"functions.{name}.handler").handler) for name in HANDLERS]


def use_cases() -> list[Wanted]:
    """Every public function and method of the product that is given a port, or anything that holds one."""
    modules = [m for m in _modules() if not m.__name__.startswith(BELOW_THE_PORTS)]
    holders = _holders()
    found: dict[tuple[str, str], Wanted] = {}
    for module in modules:
        for name, member in vars(module).items():
            if getattr(member, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(member) and _takes(member, holders):
                found.setdefault(_entry(member), _wanted(member))
            elif inspect.isclass(member) and name in holders and not _is_protocol(member):
                for method in _methods(member):
                    found.setdefault(_entry(method), _wanted(method))
    return [wanted for wanted in found.values() if not wanted.name.rpartition(".")[2].startswith("_")]


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(functions.__path__, "functions."):
        yield importlib.import_module(found.name)


def _holders() -> frozenset[str]:
    """The names of all ports (the product's protocols), and of all classes that hold one, directly or through another."""
    classes = {c for m in _modules() for c in vars(m).values() if inspect.isclass(c) and c.__module__ == m.__name__}
    holders = {c.__name__ for c in classes if _is_protocol(c)}
    for _ in classes:
        more = {c.__name__ for c in classes if _mentions(_fields(c), holders)} - holders
        if not more:
            return frozenset(holders)
        holders |= more
    return frozenset(holders)


def _is_protocol(found: type) -> bool:
    return bool(getattr(found, "_is_protocol", False))


def _fields(found: type) -> list[str]:
    init = found.__dict__.get("__init__")
    own = [str(a) for a in inspect.get_annotations(found).values()]
    inherited = [name for base in found.__mro__[1:] for name in _init_annotations(base)]
    return own + inherited + ([str(a) for a in init.__annotations__.values()] if inspect.isfunction(init) else [])


def _init_annotations(base: type) -> list[str]:
    init = base.__dict__.get("__init__")
    return [str(a) for a in init.__annotations__.values()] if inspect.isfunction(init) else []


def _mentions(annotations: list[str], names: set[str] | frozenset[str]) -> bool:
    return any(word in names for annotation in annotations for word in re.findall(r"\w+", annotation))


def _takes(function: Callable[..., Any], holders: frozenset[str]) -> bool:
    given = [str(a) for name, a in function.__annotations__.items() if name != "return"]
    return not function.__name__.startswith("_") and _mentions(given, holders)


def _methods(found: type) -> Iterator[Callable[..., Any]]:
    for name, member in vars(found).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            yield member


def _entry(function: Callable[..., Any]) -> tuple[str, str]:
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_qualname


def _wanted(function: Callable[..., Any]) -> Wanted:
    return Wanted(f"{function.__module__}.{function.__qualname__}", _entry(function))
