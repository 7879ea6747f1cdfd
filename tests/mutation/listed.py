"""Guards that are no piece of syntax of their own: an order, a transaction, a key. Each is an edit of words that must be there."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from tests.mutation.kinds import kind_of
from tests.mutation.mutation import Edit, Mutation


class Listed(NamedTuple):
    """In ``file``, ``old`` becomes ``new``; ``old`` occurs there once."""

    file: str
    what: str
    old: str
    new: str


class NotThere(LookupError):
    """The words that a listed mutation changes are not in its file, or not once: mend the list."""


LISTED: Final[tuple[Listed, ...]] = (
    Listed(
        "functions/cases/handoff.py",
        "commit: one write after the other instead of one transaction",
        "        services.table.write(writes)\n",
        "        for write in writes:\n            services.table.write((write,))\n",
    ),
    Listed(
        "functions/cases/handoff.py",
        "commit: the mark after the transaction instead of in it",
        "        services.table.write(writes)\n",
        "        services.table.write([write for write in writes if write.key != mark])\n"
        "        services.table.write([write for write in writes if write.key == mark])\n",
    ),
    Listed(
        "functions/cases/handoff.py",
        "commit: the mark before the transaction instead of in it",
        "        services.table.write(writes)\n",
        "        services.table.write([write for write in writes if write.key == mark])\n"
        "        services.table.write([write for write in writes if write.key != mark])\n",
    ),
    Listed(
        "functions/cases/follow.py",
        "park: its order is not kept",
        '"park_order": where.order}',
        '"park_order": ""}',
    ),
    Listed("functions/cases/rows.py", "Park.order: generations not told apart", "{self.generation:06d}.", ""),
    Listed(
        "functions/cases/rows.py",
        "Park.order: visits not told apart",
        "{self.visit:06d}.{self.entry:04d}",
        "{self.entry:04d}",
    ),
    Listed("functions/cases/rows.py", "Park.order: entries not told apart", ".{self.entry:04d}", ""),
    Listed("functions/cases/rows.py", "Park.order: attempts not told apart", ".{self.attempt:03d}", ""),
    Listed(
        "functions/cases/adapters/writeback_queue.py",
        "WritebackQueue._send: one group for all cases",
        "MessageGroupId=case,",
        'MessageGroupId="all",',
    ),
    Listed(
        "functions/cases/adapters/writeback_queue.py",
        "WritebackQueue._send: a group for each message",
        "MessageGroupId=case,",
        'MessageGroupId=f"{case}-{entry}",',
    ),
    Listed(
        "functions/cases/adapters/writeback_queue.py",
        "WritebackQueue._send: what is asked again counts as a repetition",
        'MessageDeduplicationId=f"{case}-{entry}",',
        "MessageDeduplicationId=case,",
    ),
    Listed(
        "functions/relay/handler.py",
        "handle_record: counted before what can fail",
        "    outlets().pass_on(case, entry)\n    telemetry.emit(measures_of(entry))\n",
        "    telemetry.emit(measures_of(entry))\n    outlets().pass_on(case, entry)\n",
    ),
    Listed(
        "functions/cases/early.py",
        "give_up: forgotten before it is in quarantine",
        '    quarantine(services, item["raw"], why.reason, why.where, why.mend)\n'
        '    place = Key(item["pk"], item["sk"])\n'
        '    mark = keys.mark_of_early(place, item["workflow"])\n'
        '    services.table.write((Delete(place, (Condition("pk", Test.EXISTS),)), Delete(mark, ()), *still))\n',
        '    place = Key(item["pk"], item["sk"])\n'
        '    mark = keys.mark_of_early(place, item["workflow"])\n'
        '    services.table.write((Delete(place, (Condition("pk", Test.EXISTS),)), Delete(mark, ()), *still))\n'
        '    quarantine(services, item["raw"], why.reason, why.where, why.mend)\n',
    ),
    Listed(
        "functions/cases/redrive.py",
        "redrive: noted before it is placed",
        "    result = take_in(services, message(services, id))\n",
        '    mark_redriven(services, kept, "")\n    result = take_in(services, message(services, id))\n',
    ),
    Listed(
        "functions/cases/commit.py",
        "transaction: the lock is not counted up",
        '"rev": row.rev + 1}',
        '"rev": row.rev}',
    ),
    Listed(
        "functions/cases/commit.py",
        "transaction: nobody looks after it",
        '        attributes["look_at"] = now + FOLLOW_WITHIN_SECONDS\n',
        "        pass\n",
    ),
    Listed(
        "functions/cases/adapters/dynamodb.py",
        "DynamoTable._render: the conditions are not sent",
        '            arguments["ConditionExpression"] = expression.condition(write.conditions)\n',
        "            pass\n",
    ),
    Listed(
        "functions/batch.py",
        "fifo_batch: a failed message holds back other groups",
        "skip_group_on_error=True",
        "skip_group_on_error=False",
    ),
    Listed(
        "functions/batch.py",
        "fifo_batch: a failed message does not hold back its group",
        "CountingFifoProcessor(skip_group_on_error=True, ",
        "CountingProcessor(EventType.SQS, ",
    ),
    Listed(
        "functions/batch.py",
        "fifo_batch: a batch of which every message failed fails as a whole",
        "    processor.raise_on_entire_batch_failure = False\n",
        "",
    ),
)


def listed(root: Path) -> list[Mutation]:
    """Every listed mutation. Raises NotThere."""
    found: list[Mutation] = []
    for each in LISTED:
        source = Path(root, each.file).read_text()
        if source.count(each.old) != 1:
            raise NotThere(f"{each.file}: {each.what}: its words occur {source.count(each.old)} times")
        start = len(source[: source.index(each.old)].encode())
        line = source[: source.index(each.old)].count("\n") + 1
        function, _, what = each.what.partition(": ")
        edit = Edit(start, start + len(each.old.encode()), each.new)
        kind = kind_of(each.file, function, what)
        found.append(Mutation(each.file, function, what, line, (edit,), kind=kind))
    return found
