"""Synthesise the app once per content: `python -m cdk.synth local` prints the folder of the cloud assembly.

`cdk deploy --app <folder>` then deploys without synthesising again. The folder's name is the hash of all that the templates
depend on, so what exists is current.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from cdk.bundling import bundle
from cdk.grants import FUNCTIONS
from cdk.target import ROOT, Target
from statemachines import published

ASSEMBLIES = ROOT / ".bundles" / "assemblies"
KEPT_PER_TARGET = 4
TRIES = 3

# The assembly points to the bundles where they are, instead of holding copies of them.
_UNSTAGED = {"aws:cdk:disable-asset-staging": True}


class ChangingError(RuntimeError):
    """The sources do not hold still."""


def assembly(target: Target, **context: str) -> Path:
    """The folder with the cloud assembly for `target`, synthesised if need be; `context` as for `cdk synth -c`.

    Raises what bundling raises, CalledProcessError where the app fails (its own words are on standard error then), and
    ChangingError when the sources are edited faster than they can be synthesised.
    """
    settings = {**_UNSTAGED, **context, "target": str(target)}
    for _ in range(TRIES):
        digest = _digest(target, settings)
        made = ASSEMBLIES / f"{target}-{digest[:16]}"
        if made.exists():
            os.utime(made)
            return made
        ASSEMBLIES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ASSEMBLIES, prefix=".making-") as making:
            draft = Path(making, "assembly")
            _synthesise(draft, settings)
            if _digest(target, settings) == digest:  # else what was synthesised is neither the old nor surely the new
                _publish(draft, made)
        _forget_old(target)
    raise ChangingError("the sources changed while they were synthesised; try again")


def _digest(target: Target, settings: dict[str, object]) -> str:
    """The hash of all that the templates depend on."""
    bundles = [bundle(function, target).hash for function in FUNCTIONS]
    digest = hashlib.sha256(json.dumps([str(ROOT), settings, bundles, version("aws-cdk-lib")], sort_keys=True).encode())
    folders = ((ROOT / "cdk").glob("*.py"), (ROOT / "events").glob("*.py"), published.FOLDER.rglob("*.json"))
    for source in (source for folder in folders for source in sorted(folder)):
        digest.update(source.relative_to(ROOT).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def _synthesise(folder: Path, settings: dict[str, object]) -> None:
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(settings)}
    command = [sys.executable, "-m", "cdk.app"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def _publish(draft: Path, made: Path) -> None:
    try:
        draft.rename(made)
    except OSError:
        if not made.exists():  # else another process was quicker, with the same result
            raise


def _forget_old(target: Target) -> None:
    by_use = sorted(ASSEMBLIES.glob(f"{target}-*"), key=lambda folder: folder.stat().st_mtime)
    for folder in by_use[:-KEPT_PER_TARGET]:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Print the folder of the assembly for the target that the command line names."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("target", type=Target, choices=list(Target))
    print(assembly(parser.parse_args().target))
    return 0


if __name__ == "__main__":
    sys.exit(main())
