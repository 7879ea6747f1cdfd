"""The zip files of the Lambda functions: locked packages, and of the project exactly the modules that a function imports.

The packages are those `make setup` put, checked by hash, into `.bundles/<target>/<lock>`, so bundling needs no network. A
zip's name is the hash of everything that went into it; what exists is not made again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cdk.imports import needs
from cdk.target import ROOT, Target, runtime

CORE, FHIR = "lambda-core", "lambda-fhir"
"""The two locks: what every function needs, and that with the FHIR models."""

LEFT_OUT = re.compile(
    r"""
    # About the packages, not of them. Nothing in a bundle asks importlib.metadata for a version or an entry point.
      [^/]+\.dist-info/.* | [^/]+-stubs/.* | bin/.* | \.lock | (.*/)?py\.typed | .*\.pyi | .*\.c | (.*/)?__pycache__/.*
    # Other FHIR versions than R4B, which serves R4 EMRs.
    | fhir/resources/STU3/.* | fhir/resources/(?!__init__)[^/]+\.py
    # Pydantic 1 inside pydantic 2; nothing imports it.
    | pydantic/v1/.*
    # HTTP routing, with a browser's API explorer in it; no function serves HTTP through it.
    | aws_lambda_powertools/event_handler/.*
    """,
    re.VERBOSE,
)
"""The files of the packages that no function uses."""

DATA = {"statemachines/published/__init__.py": ("*/*/workflow.json", "*/*/digest")}
"""Files that a module reads, below its own folder, and that therefore go where it goes."""

UNUSED_AFTER_SECONDS = 3600

_FORMAT = 3  # of the zips: raise it when this module makes different ones of the same input


class PackagesMissingError(FileNotFoundError):
    """The packages of the bundles are not installed."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A function's zip file, and the hash of what went into it."""

    path: Path
    hash: str
    handler: str


def bundle(function: str, target: Target, root: Path = ROOT) -> Bundle:
    """The zip of `functions/<function>/handler.py` and all that it needs.

    Raises imports.NoSuchModuleError where there is no such handler, PackagesMissingError before `make setup`.
    """
    module = f"functions.{function}.handler"
    needed = needs(root, module)
    lock = FHIR if "fhir" in needed.others else CORE
    data = (
        file
        for reader, patterns in DATA.items()
        if root / reader in needed.files
        for pattern in patterns
        for file in (root / reader).parent.glob(pattern)
    )
    ours = sorted({*needed.files, *data})
    packages, packages_hash = _packages_zip(lock, target, root)
    # Read once, so that the hash is that of the very text that is packed.
    contents = {file.relative_to(root).as_posix(): file.read_bytes() for file in ours}
    digest = _digest(packages_hash, *(f"{name}:{hashlib.sha256(text).hexdigest()}" for name, text in contents.items()))
    made = packages.with_name(f"{function}-{target}-{digest[:16]}.zip")
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=".making-") as making:
            staged, draft = Path(making, "staged"), Path(making, "draft.zip")
            _stage(contents, staged, target)
            shutil.copyfile(packages, draft)
            _append(draft, staged)
            draft.replace(made)
    _use(made, f"{function}-{target}-*.zip")
    return Bundle(made, digest, f"{module}.handler")


def _packages_zip(lock: str, target: Target, root: Path) -> tuple[Path, str]:
    """A zip of the packages of one lock, to which a function's own modules are added."""
    installed = root / ".bundles" / target / lock
    if not installed.is_dir():
        raise PackagesMissingError(f"{installed.relative_to(root)} is not there: run `make setup`")
    contents = {
        name: file
        for file in sorted(installed.rglob("*"))
        if file.is_file() and not LEFT_OUT.fullmatch(name := file.relative_to(installed).as_posix())
    }
    digest = _digest(
        str(_FORMAT),
        f"compiled: {_compiler(runtime(target).python) is not None}",
        _hash(root / "requirements" / f"{lock}.txt"),
        *(f"{name}:{file.stat().st_size}" for name, file in contents.items()),
    )
    made = root / ".bundles" / "zips" / f"{lock}-{target}-{digest[:16]}.zip"
    if not made.exists():
        made.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=".making-") as making:
            staged, draft = Path(making, "staged"), Path(making, "draft.zip")
            _stage(contents, staged, target)
            _append(draft, staged)
            draft.replace(made)
    _use(made, f"{lock}-{target}-*.zip")
    return made, digest


def _stage(contents: Mapping[str, Path | bytes], staged: Path, target: Target) -> None:
    """Copy `contents` into the folder `staged`, with compiled modules beside the sources where that is possible."""
    for name, content in contents.items():
        place = staged / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    compiler = _compiler(runtime(target).python)
    if compiler is not None:
        # Lambda's file system is read-only, so what is not compiled here is compiled again at every cold start.
        # By content, not by time: a zip keeps no useful time. Paths in tracebacks are those on Lambda.
        how = ["-q", "-d", "/var/task", "--invalidation-mode", "unchecked-hash", "-j", str(min(2, os.cpu_count() or 1))]
        subprocess.run([compiler, "-I", "-m", "compileall", *how, str(staged)], check=True, stdout=sys.stderr)


@cache
def _compiler(version: str) -> str | None:
    """An interpreter of this minor version, whose compiled modules that runtime loads; None if there is none here."""
    for candidate in (sys.executable, shutil.which(f"python{version}")):
        if candidate is not None:
            # Asked, not believed: a version manager puts commands on the PATH for versions that are switched off.
            question = [candidate, "-I", "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
            answer = subprocess.run(question, check=False, capture_output=True, text=True)
            if answer.returncode == 0 and answer.stdout.strip() == version:
                return candidate
    return None


def _append(archive: Path, folder: Path) -> None:
    """Add all files of `folder` to the zip `archive`: in order, without times, so that equal input gives equal zips."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                entry.external_attr = 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(entry, file.read_bytes())


def _use(made: Path, siblings: str) -> None:
    """Mark `made` as used now, and remove those of its siblings that nobody has used for an hour."""
    made.touch()
    long_ago = time.time() - UNUSED_AFTER_SECONDS
    for sibling in made.parent.glob(siblings):
        if sibling.stat().st_mtime < long_ago:
            sibling.unlink(missing_ok=True)


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
