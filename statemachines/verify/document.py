"""A workflow document that somebody else wrote: read, or told where it is wrong and how to mend it. Never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from statemachines.definition import Definition
from statemachines.policy import Policy
from statemachines.verify import codes
from statemachines.verify.finding import Finding, Place

SCHEMA = "statemachines/workflow.schema.json"
MOST = 50
"""So many faults of one document are told; who has mended them asks again."""

M = TypeVar("M", bound=BaseModel)

_GUARDS = frozenset({"compare", "in", "known", "fell", "rose", "older", "all", "any", "not"})
_OPERANDS = frozenset({"FactOperand", "ParameterOperand", "Constant"})
_VALUES = frozenset({"bool", "int", "float", "str"})
_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "finite_number": "must be a finite number",
    "date_from_datetime_parsing": "must be a day such as 2026-12-25",
}


def read_workflow(text: bytes, name: str) -> Definition | tuple[Finding, ...]:
    """The workflow in a JSON document, or every fault that keeps it from being one. ``name`` is how findings call the file."""
    return _read(text, name, Definition, f"Write it as {SCHEMA} describes it.")


def read_policy(text: bytes, name: str) -> Policy | tuple[Finding, ...]:
    """A facility's overlay in a JSON document, or what keeps it from being one."""
    return _read(text, name, Policy, "Write it like the overlays in statemachines/facilities.")


def _read(text: bytes, name: str, model: type[M], mend: str) -> M | tuple[Finding, ...]:
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        return (_malformed(name, f"byte {fault.start}", "is no UTF-8 text", "Save the file as UTF-8."),)
    twice: list[str] = []
    try:
        # Parsed here only for its faults: pydantic reads the text itself, as JSON is stricter than Python values are.
        json.loads(plain, object_pairs_hook=lambda pairs: _once(pairs, twice), parse_constant=_no_number)
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        return (_malformed(name, place, f"is no JSON: {fault.msg}", "Correct the JSON."),)
    except (ValueError, RecursionError) as fault:
        why = "is nested too deeply" if isinstance(fault, RecursionError) else str(fault)
        return (_malformed(name, "$", why, mend),)
    if twice:
        said = [
            _malformed(name, f'"{key}"', "is given twice in one object; only one counts", "Keep one.") for key in twice
        ]
        return tuple(said[:MOST])
    try:
        return model.model_validate_json(plain)
    except ValidationError as invalid:
        faults = list(_faults(invalid.errors(include_url=False), model, name, mend))
        return tuple(faults[:MOST])


def _once(pairs: Sequence[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            twice.append(key)
        found[key] = value
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"holds {name}, which is no number in JSON")


def _malformed(name: str, path: str, what: str, mend: str) -> Finding:
    return codes.MALFORMED.found(Place(path=path), f"{name}: {path} {what}.", mend=mend)


def _faults(errors: Sequence[ErrorDetails], model: type[BaseModel], name: str, mend: str) -> Iterator[Finding]:
    """One finding for each place: the alternatives of one place are one fault."""
    said: set[str] = set()
    for error in errors:
        loc, choice = _located(error["loc"])
        path = _path(loc)
        if path in said:
            continue
        said.add(path)
        if choice is not None:
            yield _malformed(name, path, choice, mend)
        else:
            yield _malformed(name, path, _words(error), _mend(error, loc, model, mend))


def _located(loc: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], str | None]:
    """The place without the names of the alternatives that were tried there; and what the alternatives are, if any were."""
    found: list[int | str] = []
    for here, part in enumerate(loc):
        if part in _OPERANDS:
            return tuple(found), 'must be {"fact": …}, {"parameter": …} or {"value": …}'
        if part in _VALUES and here == len(loc) - 1:
            return tuple(found), "must be a text, a number, or true or false"
        tag = (
            part in _GUARDS
            and here > 0
            and (loc[here - 1] in ("when", "optional", "satisfied", "negated") or _in_list(loc, here))
        )
        if not tag:
            found.append(part)
    return tuple(found), None


def _in_list(loc: tuple[int | str, ...], here: int) -> bool:
    """Whether the part follows an index of a list of guards: such a part is the name of the guard's kind."""
    return here > 1 and isinstance(loc[here - 1], int) and loc[here - 2] in ("all", "any")


def _path(loc: Sequence[int | str]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _SAID:
        return _SAID[kind]
    if kind == "enum":
        return f"must be {error['ctx']['expected']}"
    if kind == "union_tag_invalid":
        return f"has an op that is none of {error['ctx']['expected_tags']}"
    if kind == "union_tag_not_found":
        return "needs an op that says what kind of condition it is"
    if kind in ("greater_than_equal", "less_than_equal"):
        words, limit = ("at least", "ge") if kind == "greater_than_equal" else ("at most", "le")
        return f"must be {words} {error['ctx'][limit]}"
    if kind == "value_error":
        return f"is not right: {error['ctx']['error']}"
    return f"is not right: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _mend(error: ErrorDetails, loc: Sequence[int | str], model: type[BaseModel], otherwise: str) -> str:
    last = loc[-1] if loc else ""
    if error["type"] == "missing":
        return f"Add {last}. {otherwise}"
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        return f"Remove {last}, or correct its name; there are {', '.join(known)}." if known else f"Remove {last}."
    return otherwise


def _fields_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """The fields that the object at a place may have, as far as the schema says it simply."""
    schema = model.model_json_schema()
    here: dict[str, Any] = schema
    for part in loc:
        here = _resolved(here, schema)
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
    return sorted(_resolved(here, schema).get("properties", {}))


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in (part, *part.get("anyOf", ())):
        if "$ref" in option:
            found: dict[str, Any] = schema["$defs"][option["$ref"].rpartition("/")[2]]
            return found
    return part
