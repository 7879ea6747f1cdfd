"""`baton diff A B`: what changed in meaning between two versions of a workflow."""

from __future__ import annotations

import argparse
import json
import sys

from local.definitions import VERSION_HELP, NotReadable, add_facilities, definition, policies

EPILOG = """\
A and B are published versions (oxygen@1), files (workflow.json), or workflows' sources by name (oxygen).

Guards are compared by the values for which they hold, time limits by their lengths: what is only written otherwise is no
change. A change touches a facility when its cases can get where the change is, and it makes a difference under its policy.

The exit code is 0; with --exit-code it is 1 when something changed in meaning. 2: A or B could not be
read, or they are not versions of one workflow.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments and help."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("old", metavar="A", help=VERSION_HELP)
    parser.add_argument("new", metavar="B", help="the same")
    add_facilities(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 when something changed in meaning")


def run(given: argparse.Namespace) -> int:
    """Print the comparison."""
    from statemachines.compare import diff
    from statemachines.compare.report.document import diff_document
    from statemachines.compare.report.markdown import diff_markdown
    from statemachines.compare.report.text import diff_text

    try:
        old, new = definition(given.old), definition(given.new)
        if old.workflow != new.workflow:
            raise NotReadable(
                f"{given.new} is another workflow ({new.workflow}) than {given.old} ({old.workflow}): "
                "only versions of one workflow can be compared"
            )
        found = diff(old, new, policies(given, (old, new)))
    except NotReadable as problem:
        print(f"baton diff: {problem}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(diff_document(found), indent=2, ensure_ascii=False))
    elif given.markdown:
        print(diff_markdown(found), end="")
    else:
        print(diff_text(found), end="")
    return 1 if given.exit_code and found.meaning else 0
