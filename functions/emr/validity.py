"""Checks a resource against its FHIR model before it leaves."""

from pydantic import BaseModel, ValidationError

from functions.emr.results import Resource


class InvalidResource(ValueError):
    """A resource that FHIR does not allow; the message names elements and rules, never values."""


def require_valid(model: type[BaseModel], resource: Resource) -> None:
    """Raises InvalidResource for a resource that its model refuses.

    Only a check: serialising the model would write the same in other words (`Z` for `+00:00`, `80.1` for `80.10`).
    """
    try:
        model.model_validate(resource)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['type']}"
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        # Without the cause: it quotes what was refused.
        raise InvalidResource(f"{model.__name__}: {'; '.join(problems)}") from None
