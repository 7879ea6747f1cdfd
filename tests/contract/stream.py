"""What every stream of the table does for the function that its mapping feeds: DynamoDB Streams and Lambda's event source mapping.

The mapping is that of the stack: new journal entries only, partial batch failures, halving, so many retries, and a destination
for what was given up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import pytest

from functions.cases.table import NEW, Condition, Delete, Item, Key, Put, Table, Update, WriteRefused
from functions.cases.table import Test as Ask

ALWAYS = 1_000


class Record(NamedTuple):
    """A record as the function gets it: the row's key and what was written."""

    key: Key
    image: Item


class Batch(NamedTuple):
    """What the function got at once, and how many of them, from the first, it finished."""

    records: tuple[Record, ...]
    finished: int


class Function:
    """The function that the mapping feeds, in this process."""

    def __init__(self, fails: Mapping[str, int], *, raises: bool) -> None:
        self.batches: list[Batch] = []
        self._fails, self._raises = Counter(fails), raises

    def __call__(self, records: Sequence[Record]) -> int | None:
        """The place of the first record that it failed with. Raises RuntimeError, when it is so told, in place of saying."""
        failed = None
        for place, record in enumerate(records):
            if self._fails[record.key.sk] > 0:
                self._fails[record.key.sk] -= 1
                failed = place
                break
        finished = len(records) if failed is None else 0 if self._raises else failed
        self.batches.append(Batch(tuple(records), finished))
        if failed is not None and self._raises:
            raise RuntimeError("a record failed")
        return failed


class Stream(Protocol):
    """A table, its stream, and the function that the mapping hands the records to."""

    @property
    def table(self) -> Table:
        """The table."""

    @property
    def retries(self) -> int:
        """How often a record is tried again before it is given up."""

    @property
    def again(self) -> bool:
        """Whether a record that was handled may come again: at least once, as Lambda promises."""

    def deliver(self, fails: Mapping[str, int], *, raises: bool) -> list[Batch]:
        """Let the mapping hand over all there is; the batches, in order.

        The function fails the first so many times that it gets to a record with such a sort key; it says which, or ``raises``.
        """

    def given_up(self) -> int:
        """How many records were given up and reported."""


def entry(case: str, number: int) -> Put:
    """A journal entry."""
    return Put({"pk": f"CASE#{case}", "sk": f"J#{number:06d}", "number": number, "reason": "ü→🫁", "deep": [1.5]}, NEW)


def flat(batches: list[Batch]) -> list[Record]:
    """All records, in order."""
    return [record for batch in batches for record in batch.records]


def names(batches: list[Batch]) -> list[str]:
    """The sort keys of all records, in order."""
    return [record.key.sk for record in flat(batches)]


def handled(batches: list[Batch]) -> set[str]:
    """The sort keys of what was finished."""
    return {record.key.sk for batch in batches for record in batch.records[: batch.finished]}


class StreamContract:
    """Allowed: any order between two items, a record more than once, delay, batches of any size.

    Not allowed: a record that is neither handled nor reported as given up, one of what was not written, one whose image is
    another than was written, and the records of one item in another order (Amazon DynamoDB developer guide, on streams; AWS
    Lambda developer guide, on DynamoDB).
    """

    @pytest.fixture(params=[False, True], ids=["reports", "raises"])
    def raises(self, request: pytest.FixtureRequest) -> bool:
        """How the function fails: it reports the first record that it failed with, or it raises."""
        return bool(request.param)

    def test_every_new_journal_entry_arrives_as_it_was_written_and_nothing_else(self, stream: Stream) -> None:
        meta = Key("CASE#1", "META")
        written = [entry("1", 1), entry("1", 2), entry("2", 1)]
        stream.table.write((Put({"pk": meta.pk, "sk": meta.sk, "rev": 1}, NEW), written[0], Put(row("1", "V#000001"))))
        stream.table.write((Update(meta, add={"rev": 1}), written[1]))
        stream.table.update(Update(meta, set={"state": "stable"}))
        stream.table.write((written[2],))
        stream.table.write((Delete(Key("CASE#1", "V#000001")),))
        arrived = flat(stream.deliver({}, raises=False))
        assert {record.key for record in arrived} == {write.key for write in written}
        assert all(record.image in [write.item for write in written] for record in arrived)
        assert stream.again or len(arrived) == len(written)

    def test_what_was_refused_does_not_arrive(self, stream: Stream) -> None:
        stream.table.write((entry("1", 1),))
        with pytest.raises(WriteRefused):
            stream.table.write((entry("1", 2), Update(Key("CASE#1", "META"), set={"n": 1}, conditions=(_EXISTS,))))
        with pytest.raises(WriteRefused):
            stream.table.write((entry("1", 1),))
        stream.table.write((entry("1", 3),))
        assert set(names(stream.deliver({}, raises=False))) == {"J#000001", "J#000003"}

    def test_a_large_commit_arrives_whole(self, stream: Stream) -> None:
        stream.table.write([entry("1", n) for n in range(80)])
        stream.table.write([entry("2", n) for n in range(80)])
        batches = stream.deliver({}, raises=False)
        assert {(record.key.pk, record.image["number"]) for record in flat(batches)} == {
            (f"CASE#{case}", n) for case in "12" for n in range(80)
        }
        assert all(0 < len(batch.records) <= 100 for batch in batches)

    def test_what_failed_comes_again_until_it_is_handled(self, stream: Stream, raises: bool) -> None:
        for n in range(1, 6):
            stream.table.write((entry("1", n),))
        batches = stream.deliver({"J#000003": 2}, raises=raises)
        assert handled(batches) == {f"J#{n:06d}" for n in range(1, 6)}
        assert names(batches).count("J#000003") >= 3
        assert stream.given_up() == 0

    def test_what_came_before_the_first_failure_that_was_reported_is_done(self, stream: Stream) -> None:
        for n in range(1, 5):
            stream.table.write((entry("1", n),))
        batches = stream.deliver({"J#000003": 1}, raises=False)
        seen = Counter(names(batches))
        assert seen["J#000003"] >= 2
        assert stream.again or (seen["J#000001"], seen["J#000002"]) == (1, 1)

    def test_what_fails_each_time_is_given_up_and_reported_and_all_else_is_handled(
        self, stream: Stream, raises: bool
    ) -> None:
        for n in range(1, 5):
            stream.table.write((entry("1", n),))
        batches = stream.deliver({"J#000002": ALWAYS}, raises=raises)
        assert names(batches).count("J#000002") > stream.retries
        assert handled(batches) == {"J#000001", "J#000003", "J#000004"}
        assert stream.given_up() == 1

    def test_entries_that_come_after_one_that_was_given_up_are_handled(self, stream: Stream) -> None:
        stream.table.write((entry("1", 1),))
        stream.deliver({"J#000001": ALWAYS}, raises=True)
        assert stream.given_up() == 1
        stream.table.write((entry("1", 2),))
        assert "J#000002" in handled(stream.deliver({}, raises=True))
        assert stream.given_up() == 1


_EXISTS = Condition("pk", Ask.EXISTS)


def row(case: str, sk: str) -> Item:
    """A row of a case that is no journal entry."""
    return {"pk": f"CASE#{case}", "sk": sk}
