"""`python -m events.schemas` writes the schemas and the README's tables; `--check` says whether they are current."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from events.catalog import CATALOG
from events.schemas import FOLDER, file_name, rendered
from events.schemas.readme import README, with_tables

COMMAND = "python -m events.schemas"


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER, readme: Path = README) -> int:
    """Brings the generated files up to date, or with --check returns 1 and names those that are not."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write the JSON Schemas and the README's tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    check = parser.parse_args(arguments).check

    wanted = {folder / file_name(kind): rendered(kind) for kind in CATALOG.values()}
    wanted[readme] = with_tables(readme.read_text(encoding="utf-8"))
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    orphans = sorted(set(folder.glob("*.json")) - set(wanted))
    if check:
        for path in (*stale, *orphans):
            print(f"not current: {path.name} (run: {COMMAND})", file=sys.stderr)
        return 1 if stale or orphans else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    for path in orphans:
        path.unlink()
    print(f"{len(stale)} written, {len(orphans)} removed, {len(wanted) - len(stale)} current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
