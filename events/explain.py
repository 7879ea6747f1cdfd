"""What a pydantic error means to the publisher of the event: reason, place, mend. Without repeating the input."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from events.catalog import CATALOG
from events.envelope import CODE, ID, NAME, TEXT, Actor, Envelope, Subject
from events.unreadable import Unreadable, UnreadableReason

_NESTED: Final[Mapping[str, type[BaseModel]]] = MappingProxyType({"subject": Subject, "actor": Actor})

# Only these names may appear in a place: any other was chosen by the sender, and could be a patient's.
_MODELS: Final[tuple[type[BaseModel], ...]] = (Envelope, Subject, Actor, *(each.model for each in CATALOG.values()))
_OUR_NAMES: Final = frozenset(name for model in _MODELS for name in model.model_fields)

_CHARACTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ID: "start with a letter or digit, then letters, digits, dot, colon, underscore or hyphen (ASCII)",
        CODE: "start with a letter, then letters, digits, underscore or hyphen (ASCII)",
        NAME: "start with a lower-case letter, then lower-case letters, digits or underscore (ASCII)",
        TEXT: "must not be blank nor hold control characters",
    }
)

_OUT_OF_RANGE: Final = frozenset(
    {
        "greater_than_equal",
        "less_than_equal",
        "finite_number",
        "string_too_short",
        "string_too_long",
        "string_pattern_mismatch",
        "too_short",
        "too_long",
        "no_such_time",
        "inverted_range",
    }
)


def unreadable(error: ValidationError, model: type[BaseModel], place: str) -> Unreadable:
    """The first fault that pydantic found in `model`, at `place` of the event.

    Raise what this returns outside the `except` block: a chained ValidationError would carry the sender's field names
    into the log.
    """
    faults = error.errors(include_url=False, include_context=True, include_input=False)
    fault = faults[0]
    loc = fault["loc"]
    reason = _reason(fault["type"])
    if reason is UnreadableReason.UNKNOWN_FIELD:
        return Unreadable(reason, _where(place, loc[:-1]), _mend_unknown(_model_at(model, loc), str(loc[-1])))
    return Unreadable(reason, _where(place, loc), _mend(fault, model))


def _reason(code: str) -> UnreadableReason:
    if code == "missing":
        return UnreadableReason.MISSING_FIELD
    if code == "extra_forbidden":
        return UnreadableReason.UNKNOWN_FIELD
    if code == "naive_time":
        return UnreadableReason.NAIVE_TIME
    if code in _OUT_OF_RANGE:
        return UnreadableReason.OUT_OF_RANGE
    return UnreadableReason.WRONG_TYPE


def _where(place: str, loc: tuple[int | str, ...]) -> str:
    for step in loc:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step in _OUR_NAMES:
            place += f".{step}"
        else:
            break
    return place


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    return _NESTED[str(loc[0])] if len(loc) > 1 and model is Envelope else model


def _mend(fault: ErrorDetails, model: type[BaseModel]) -> str:
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            do = "add the field"
        case "naive_time":
            do = "add the offset from UTC, as in 2026-03-01T08:30:00+01:00 or a final Z"
        case "not_a_time":
            do = "write the time as text like 2026-03-01T08:30:00Z (RFC 3339)"
        case "no_such_time":
            do = "give a day and an hour that exist"
        case "inverted_range":
            do = "target_spo2_low must not be above target_spo2_high"
        case "finite_number":
            do = "give a number that a 64-bit float can hold"
        case "greater_than_equal":
            do = f"must be at least {limits['ge']}"
        case "less_than_equal":
            do = f"must be at most {limits['le']}"
        case "string_too_short" | "too_short":
            do = f"give at least {limits['min_length']}"
        case "string_too_long" | "too_long":
            do = f"give at most {limits['max_length']}"
        case "string_pattern_mismatch":
            do = _CHARACTERS.get(limits["pattern"], "use the characters that the schema allows")
        case "string_type" | "string_unicode":
            do = "must be text"
        case "int_type":
            do = "must be a whole number, without quotes"
        case "float_type":
            do = "must be a number, without quotes"
        case "bool_type":
            do = "must be true or false, without quotes"
        case "tuple_type":
            do = "must be a list"
        case "dict_type" | "model_type":
            do = "must be an object"
        case _:
            do = "must be as the type's schema says"
    meaning = _meaning(model, fault["loc"])
    return f"{do}. Expected: {meaning}" if meaning else do


def _meaning(model: type[BaseModel], loc: tuple[int | str, ...]) -> str | None:
    if not loc:
        return None
    owner = model
    name = str(loc[0])
    if model is Envelope and name in _NESTED and len(loc) > 1:
        owner, name = _NESTED[name], str(loc[1])
    field = owner.model_fields.get(name)
    return field.description if field else None


def _mend_unknown(model: type[BaseModel], name: str) -> str:
    from difflib import get_close_matches  # only a rejected event needs it; keeps the cold start short

    near = get_close_matches(name[:64], model.model_fields, n=1)
    listed = ", ".join(model.model_fields) or "none"
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"remove the field that is not in the schema. {meant}Its fields: {listed}"
