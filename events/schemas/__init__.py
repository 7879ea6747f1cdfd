"""JSON Schemas (2020-12) of every event type, for those who publish. Generated: `python -m events.schemas`.

Each describes the envelope, that is EventBridge's `detail`. A schema cannot say everything: that an event does not lie
in the future, that a day exists, that a target range is in order, and who may send the type is checked at intake.
"""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from events.catalog import EventType
from events.envelope import Envelope

FOLDER: Final = Path(__file__).parent


def file_name(kind: EventType) -> str:
    """The name of the type's schema file, e.g. `oxygen_changed.v1.json`."""
    return f"{kind.name}.v{kind.version}.json"


def schema_of(kind: EventType) -> dict[str, Any]:
    """The JSON Schema of the whole envelope of one event type."""
    schema = _described(Envelope)
    properties = schema["properties"]
    properties["type"] = {"const": kind.name, "description": properties["type"]["description"]}
    properties["schema_version"] = {"const": kind.version, "description": properties["schema_version"]["description"]}
    properties["data"] = _described(kind.model)
    if kind.needs_subject:
        _demand(schema, "subject")
    else:
        del properties["subject"], schema["$defs"]["Subject"]
    if kind.needs_actor:
        _demand(schema, "actor")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:baton:event:{kind.name}:v{kind.version}",
        "title": kind.name,
        "description": f"{kind.summary} May come from: {', '.join(sorted(kind.sources))}.",
        **{name: part for name, part in schema.items() if name != "description"},
    }


def rendered(kind: EventType) -> str:
    """The text of the type's schema file."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


def _described(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _plain(part) for name, part in model.model_json_schema().items() if name != "title"}


def _plain(part: Any, *, names: bool = False) -> Any:
    """Without what only repeats names, and closed where pydantic leaves a door open."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    if names:  # the keys are fields, not keywords: a field may be called title
        return {name: _plain(each) for name, each in part.items()}
    plain = {
        keyword: _plain(each, names=keyword in ("properties", "$defs", "patternProperties"))
        for keyword, each in part.items()
        if keyword != "title" and not (keyword == "default" and each is None)
    }
    if "patternProperties" in plain:
        plain["additionalProperties"] = False
    return plain


def _demand(schema: dict[str, Any], name: str) -> None:
    part = schema["properties"][name]
    reference = next(each for each in part["anyOf"] if "$ref" in each)
    schema["properties"][name] = {"description": part["description"], **reference}
    schema["required"] = [each for each in schema["properties"] if each in {*schema["required"], name}]
