"""The hand-offs of a workflow for those who own it: as a page to read and review, and as a spreadsheet."""

from statemachines.compile.handoffs.page import markdown
from statemachines.compile.handoffs.spreadsheet import csv_rows

__all__ = ["csv_rows", "markdown"]
