"""Publishes the JSON Schema of workflow documents, and the table of findings, from the code that means them.

``python -m statemachines.verify.schema`` writes both; with ``--check`` it writes nothing and says what is stale.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from statemachines.definition import Definition
from statemachines.draft import questions
from statemachines.verify.codes import CODES, Code

COMMAND = "python -m statemachines.verify.schema"
FOLDER = Path(__file__).parent
FILES = {"workflow.schema.json": FOLDER.parent / "workflow.schema.json", "README.md": FOLDER / "README.md"}

_GROUPS = {
    "0": "The document",
    "1": "Names and references",
    "2": "The course",
    "3": "Guards",
    "4": "Time and escalation",
    "5": "Responsibility",
    "6": "What the EMR shows",
    "7": "The patient's life, system steps, sub-cases, checklists",
    "8": "Facilities' overlays",
}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a workflow document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:baton:workflow",
        "title": "Baton workflow",
        "description": "A version of a clinical workflow: what `baton check FILE` reads. Generated; what the parts mean for "
        "one another is checked by the verifier.",
        **{key: value for key, value in Definition.model_json_schema().items() if key not in ("title", "description")},
    }


def table() -> str:
    """The findings as a page: code, severity, what it is, why it matters, and how it is mended."""
    heading = (
        "# What `baton check` finds\n\n"
        "Each finding has a stable code, a place, a sentence, the shortest course that shows it, and how to mend it.\n"
        "Generated from [codes.py](codes.py), and what `baton draft` asks from [questions.py](../draft/questions.py), "
        f"by `{COMMAND}`."
    )
    parts = [heading, *(_section(title, (c for c in CODES if c.id[4] == digit)) for digit, title in _GROUPS.items())]
    asked = "What `baton draft` asks\n\nThe open questions of a table of hand-offs, for those who filled it in."
    return "\n\n".join([*parts, _section(asked, questions.CODES)]) + "\n"


def _section(heading: str, codes: Iterable[Code]) -> str:
    rows = [
        f"| `{code.id}`{' (warning)' if code.severity == 'warning' else ''} | **{code.title}.** {code.meaning} | {code.mend} |"
        for code in codes
    ]
    return "\n".join([f"## {heading}\n", "| code | what it is | how to mend it |", "| --- | --- | --- |", *rows])


def texts() -> Mapping[str, str]:
    """What each generated file should hold, by its name."""
    return {
        "workflow.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "README.md": table(),
    }


def stale() -> list[str]:
    """The names of the generated files that are missing or not current."""
    return [
        name
        for name, text in texts().items()
        if not FILES[name].is_file() or FILES[name].read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; with --check only say which are stale, and fail when some are."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    given = parser.parse_args(arguments)
    old = stale()
    for name in old:
        if given.check:
            print(f"stale: {name} (run: {COMMAND})")
        else:
            FILES[name].write_text(texts()[name], encoding="utf-8", newline="\n")
            print(name)
    return 1 if given.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
