"""Prints the table of planted faults: code, caught of planted, false alarms: ``python -m tests.unit.verify.planted``."""

from __future__ import annotations

import sys

from tests.unit.verify.planted.table import judged, table

if __name__ == "__main__":
    rows = judged()
    print(table(rows))
    sys.exit(any(row.missed or row.false for row in rows))
