"""`baton draft handoffs.csv`: a draft workflow from the table that interviews produce, with its open questions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from statemachines.definition import dump
from statemachines.draft import COLUMNS, Draft, NoTable, draft
from statemachines.verify.finding import Finding, Severity

EPILOG = """\
The table is CSV (comma, semicolon, tab or bar), as a spreadsheet saves it. Its columns are known by many names; among them
are:

{columns}

What the table does not say is asked, never made up. Written are NAME.py, to be edited, and workflow.json, which says the
same and can be checked and drawn.

The exit code is 0 when a draft was written, 2 when there was no table to read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments and help."""
    columns = "\n".join(f"  {column:18} {', '.join(names[:5])}" for column, names in COLUMNS.items())
    parser.epilog = EPILOG.format(columns=columns)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("table", type=Path, metavar="FILE", help="the table, e.g. docs/examples/handoffs.csv")
    parser.add_argument("--name", help="what to call the workflow (the file's name)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write the draft (drafts/NAME)")
    parser.add_argument("--force", action="store_true", help="replace a draft that was written before")
    parser.add_argument("--json", action="store_true", help="print the open questions as JSON")


def run(given: argparse.Namespace) -> int:
    """Write the draft and print its open questions."""
    try:
        made = make(given.table, given.name or given.table.stem)
        files = write(made, given.out, force=given.force)
    except (NoTable, OSError, UnicodeDecodeError) as problem:
        print(f"baton draft: {given.table}: {problem}", file=sys.stderr)
        return 2
    if given.json:
        document = {
            "workflow": made.definition.workflow,
            "files": [str(file) for file in files],
            "questions": [question.as_dict() for question in made.questions],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(told(made, files))
    return 0


def make(table: Path, name: str) -> Draft:
    """Draft a workflow from a file. Raises NoTable, OSError, and UnicodeDecodeError."""
    from statemachines.workflows import WORKFLOWS

    roles = {role.code: role.title for workflow in WORKFLOWS.values() for role in workflow.roles}
    return draft(_text(table.read_bytes()), name, known_roles=roles, origin=table.name)


def write(made: Draft, out: Path | None, *, force: bool) -> list[Path]:
    """Write the draft's two files and return their paths. Raises FileExistsError when they are there, without ``force``."""
    name = made.definition.workflow
    folder = out or Path("drafts") / name
    files = {folder / f"{name}.py": made.source, folder / "workflow.json": dump(made.definition)}
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        raise FileExistsError(f"{' and '.join(there)} exists already; --force replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        file.write_text(text, encoding="utf-8", newline="\n")
    return list(files)


def told(made: Draft, files: Sequence[Path]) -> str:
    """What was drafted and what is to be asked, most pressing first."""
    definition = made.definition
    size = f"{len(definition.states)} states, {len(definition.transitions)} arrows"
    lines = [f"{definition.workflow}: {size}, {len(made.questions)} open questions", *(f"  {file}" for file in files)]
    for severity, heading in ((Severity.ERROR, "To be answered"), (Severity.WARNING, "To be confirmed")):
        asked = [question for question in made.questions if question.severity is severity]
        if asked:
            lines += ["", f"{heading} ({len(asked)})"]
            lines += [line for question in asked for line in _question(question)]
    return "\n".join(lines)


def _question(question: Finding) -> list[str]:
    return [f"  {question.code}  {question.sentence}", f"           → {question.mend}"]


def _text(content: bytes) -> str:
    """The text of a file as spreadsheets save it: UTF-8, or the older Windows code page."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise NoTable("this is a workbook; save the sheet as CSV")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")
