"""Mutations that change nothing that anybody could observe, each with the reason. Tried all the same with ``--equivalent``."""

from __future__ import annotations

from typing import Final

_SPARES_WORK = "it only spares reading: what follows finds nothing to do and does nothing"
_NARROWS = "whoever is held has a time until when; it only tells the type checker so"
_SAME_CASE = "the condition beside it names the case, which has ended: its place never opens again under that name"
_STILL_CLOSED = "the condition beside it sees a case that is open; one that opened and ended meanwhile changes nothing"
_WITH_ITS_MARK = (
    "a waiting event and its mark are written, and go, in one transaction: the mark's condition says the same"
)
_SAME_TEMPLATE = "the template is the same, byte for byte: the CDK concludes it from what else it is given"

EQUIVALENT: Final[dict[str, str]] = {
    "cdk/queues.py:_queue:Queue without fifo": _SAME_TEMPLATE,
    "cdk/queues.py:_queue:Queue without encryption": _SAME_TEMPLATE,
    "cdk/data.py:Data.__init__:Table without encryption": _SAME_TEMPLATE,
    "functions/cases/handoff.py:taken_up:never: row.ended_at is not None or not (row.case.deferred or row.state in "
    "machine.checklists)": _SPARES_WORK,
    "functions/cases/leftover.py:answer_deferred:never: not row.case.deferred": _SPARES_WORK,
    "functions/emr/ledger.py:InMemoryLedger.begin:not asked: at (of row.held_until or at)": _NARROWS,
    "functions/emr/table_ledger.py:TableLedger.begin:not asked: at (of row.held_until or at)": _NARROWS,
    "functions/cases/every_case.py:_none_open:answer_without_case: not held": "it is False as it stands: what comes "
    "here never comes from the place where early events wait",
    "functions/cases/unopened.py:still_no_case:no Condition('case', Test.EQUALS, place.case)": _STILL_CLOSED,
    "functions/cases/unopened.py:still_no_case:no Condition('closed_at', Test.EXISTS)": _SAME_CASE,
    "functions/cases/marks.py:marked:no Condition('pk', Test.EXISTS)": _WITH_ITS_MARK,
    "functions/cases/unopened.py:answer_without_case:no NEW": _WITH_ITS_MARK,
    "functions/cases/undertakings.py:any_on_record:never: not machine_of(services, row).sets_out": _SPARES_WORK,
    "functions/cases/undertakings.py:came_late:never: item is None": "only visits that the case has left are asked for",
    "functions/cases/undertakings.py:sent_back:not asked: undertaking.visit >= row.visit (of undertaking.visit >= "
    "row.visit or undertaking.tried_at + TRY_AGAIN_SECONDS > now)": "a visit that was not left did not come late",
}
