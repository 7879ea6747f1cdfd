"""A function's code is unpacked once, not once for each sandbox: a saving of the embedded AWS, not a behaviour of AWS.

MiniStack unpacks the zip file, thousands of files, into each sandbox's own folder, on the processor that serves all
requests. Here the sandboxes of one zip file share one unpacked copy. On AWS a function's code is read-only (developer
guide of Lambda, "Lambda execution environment"), so nothing that works there tells the difference.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime


def apply(folder: Path) -> None:
    """Keep the unpacked copies in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    unpacking = threading.Lock()

    class SharedZipFile(zipfile.ZipFile):
        """A zip file that is extracted by linking to the one unpacked copy of it."""

        def extractall(self, path: Any = None, *_: Any, **__: Any) -> None:
            with unpacking:
                shared = unpacked(self, folder)
            for entry in shared.iterdir():
                Path(path, entry.name).symlink_to(entry)

    lambda_runtime.zipfile = SimpleNamespace(ZipFile=SharedZipFile, BadZipFile=zipfile.BadZipFile)


def unpacked(archive: zipfile.ZipFile, folder: Path) -> Path:
    """The folder with what `archive` holds, which is there whole or not at all."""
    name = archive.filename
    if name is None:
        raise ValueError("a zip file without a name cannot be found again")
    place = folder / hashlib.sha256(Path(name).read_bytes()).hexdigest()
    if not place.exists():
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=".draft-"))
        try:
            with zipfile.ZipFile(name) as plain:
                plain.extractall(draft)
            draft.replace(place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return place
