"""A copy of the sources in a folder of its own, in which guards are taken away; the checkout is never touched."""

from __future__ import annotations

import compileall
import contextlib
import hashlib
import io
import os
import py_compile
import shutil
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("events", "statemachines", "functions", "cdk", "local", "tests")
BESIDE = (
    "docs",
    "requirements",
    "Makefile",
    "README.md",
    "cdk.json",
    "package.json",
    "package-lock.json",
    "pyproject.toml",
)
LINKED = (".venv", "node_modules", ".bundles/aws", ".bundles/jsii", ".bundles/local")
"""What is only read: installed packages."""

ZIPS = ".bundles/zips"
"""Each is named by its content and never written again, so a copy begins with those there are."""

READ = (".py", ".json", ".md", ".csv")

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".hypothesis", "node_modules")


def make_copy(checkout: Path, folder: Path) -> None:
    """Copy the sources to a new folder, and compile them so that a changed source is noticed by its hash, not its time."""
    for name in PACKAGES:
        shutil.copytree(checkout / name, folder / name, ignore=_LEFT_OUT)
    for name in BESIDE:
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, folder / name, ignore=_LEFT_OUT)
        elif (checkout / name).exists():
            shutil.copy2(checkout / name, folder / name)
    (folder / ".bundles").mkdir()
    for name in LINKED:
        if (checkout / name).exists():
            (folder / name).symlink_to((checkout / name).resolve())
    _share_zips(checkout / ZIPS, folder / ZIPS)
    with contextlib.redirect_stdout(io.StringIO()):
        for name in PACKAGES:
            compileall.compile_dir(
                folder / name, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
            )


def _share_zips(there: Path, here: Path) -> None:
    here.mkdir()
    for made in sorted(there.glob("*.zip")):
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile, as unused for long
            try:
                os.link(made, here / made.name)
            except FileNotFoundError:
                raise
            except OSError:  # another file system
                shutil.copy2(made, here / made.name)


def sources(root: Path) -> Iterator[Path]:
    """All that a test's verdict depends on, but this package."""
    for name in PACKAGES:
        for path in sorted(Path(root, name).rglob("*")):
            own = path.relative_to(root).parts[:2] == ("tests", "mutation")
            if path.is_file() and "__pycache__" not in path.parts and path.suffix in READ and not own:
                yield path


def digest(root: Path) -> str:
    """Hash of all that."""
    hashed = hashlib.sha256()
    for path in sources(root):
        hashed.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()
