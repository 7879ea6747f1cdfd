"""Work that keeps whatever it builds until its end, spared the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """No garbage is collected meanwhile: whatever is built is kept until the end, and looking through it time and again would
    make the time grow faster than the workflow."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
