"""Publishing workflows."""

from __future__ import annotations

import argparse

from local.command.adding import Add


def add_to(add: Add) -> None:
    """Add the command and what it takes."""
    compile_ = add(
        "compile", "verify the workflows and publish them: definition, state machine, diagram, hand-off table", _compile
    )
    how = compile_.add_mutually_exclusive_group()
    how.add_argument(
        "--check", action="store_true", help="write nothing; fail when something published is stale, changed or faulty"
    )
    how.add_argument(
        "--release",
        nargs="*",
        metavar="WORKFLOW",
        help="list what is published of these workflows (none named: of all) as released: it never changes again",
    )


def _compile(given: argparse.Namespace) -> int:
    from local.compile import compile_workflows, release

    if given.release is not None:
        print("\n".join(release(given.release)) or "everything that is published is released already")
        return 0
    lines = compile_workflows(check=given.check)
    for text in lines:
        print(text)
    return 1 if given.check and lines else 0
