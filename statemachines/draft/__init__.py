"""From the table that interviews produce (who does what, after what, validated by whom, by when) to a draft workflow.

``draft(text, name)`` → :class:`Draft`: a definition, its source in the workflow language, and its open questions. What the
table does not say is asked, never made up: a step without an owner or a deadline has none in the draft either.
"""

from statemachines.draft.drafting import Draft, draft
from statemachines.draft.table import COLUMNS, NoTable

__all__ = ["COLUMNS", "Draft", "NoTable", "draft"]
