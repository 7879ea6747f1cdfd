"""A path that selects nothing fails the execution with States.Runtime.

AWS: in Parameters, ResultSelector, InputPath, OutputPath, the arguments of intrinsic functions and the Variable of a
choice rule (other than IsPresent). The words are those that LocalStack's `test_invalid_jsonpath` recorded against
AWS.
MiniStack: null.
Baton: a signal that lacks a field must fail where it is read, not hand a null to a function or fall through a Choice.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    """Ask first whether the path selects anything."""
    resolve_params_obj = sfn._resolve_params_obj
    apply_input_path = sfn._apply_input_path
    apply_output_path = sfn._apply_output_path
    eval_intrinsic_arg = sfn._eval_intrinsic_arg
    evaluate_rule = sfn._evaluate_rule

    def params(template: Any, data: Any, context: Any = None) -> Any:
        for field, path in template.items() if isinstance(template, dict) else ():
            if (
                field.endswith(".$")
                and isinstance(path, str)
                and path.startswith("$")
                and not selects(path, data, context)
            ):
                fail(
                    context,
                    f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input "
                    f"'{json.dumps(data)}'",
                )
        return resolve_params_obj(template, data, context)

    def input_path(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        require(state.get("InputPath"), data, context)
        return apply_input_path(state, data, context)

    def output_path(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        require(state.get("OutputPath"), data, context)
        return apply_output_path(state, data, context)

    def argument(node: Any, data: Any, context: Any) -> Any:
        if node[0] == "path" and not selects(node[1], data, context):
            fail(
                context,
                f"The JsonPath argument for the field '{node[1]}' could not be found in the input '{json.dumps(data)}'",
            )
        return eval_intrinsic_arg(node, data, context)

    def rule(choice: dict[str, Any], data: Any, context: Any = None) -> Any:
        variable = choice.get("Variable")
        if variable is not None:
            present = selects(variable, data, context)
            if "IsPresent" in choice:
                return present == choice["IsPresent"]
            if not present:
                fail(
                    context,
                    f"Invalid path '{variable}': The choice state's condition path references an invalid value.",
                )
        return evaluate_rule(choice, data, context)

    sfn._resolve_params_obj = params
    sfn._apply_input_path = input_path
    sfn._apply_output_path = output_path
    sfn._eval_intrinsic_arg = argument
    sfn._evaluate_rule = rule


def require(path: str | None, data: Any, context: Any) -> None:
    """Raise MiniStack's execution error with States.Runtime where `path` selects nothing."""
    if path is not None and not selects(path, data, context):
        fail(context, f"Invalid path '{path}' : No results for path: {path}")


def fail(context: Any, cause: str) -> None:
    """Raise MiniStack's execution error with States.Runtime."""
    state = (context or {}).get("State", {}).get("Name", "")
    raise sfn._ExecutionError("States.Runtime", f"An error occurred while executing the state '{state}'. {cause}")


def selects(path: str, data: Any, context: Any) -> bool:
    """Whether `path` selects a value, null included. A projection selects a list, if an empty one."""
    if path.startswith("$$"):
        data, path = context or {}, path[1:]
    if not path.startswith("$"):
        return True
    places = [data]
    for kind, key in sfn._parse_jsonpath_tokens(path) or ():
        if kind == "wildcard":
            return True
        places = [
            place[key]
            for place in places
            if (kind == "field" and isinstance(place, dict) and key in place)
            or (kind == "index" and isinstance(place, list) and -len(place) <= key < len(place))
        ]
    return bool(places)
