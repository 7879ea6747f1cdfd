"""Readers: every record, its line, in bounded memory; what cannot be read is a record too, or named."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from local.replay.readers import files, resources
from local.replay.readers.bundle import entries
from local.replay.readers.files import Source, recognise, records, sources
from local.replay.readers.record import BrokenFile, Format, Record
from local.replay.readers.tables import rows
from tests.unit.replay.made_up import (
    CHART_COLUMNS,
    SPO2,
    STAY_COLUMNS,
    charted,
    encounter,
    observation,
    stayed,
    write_bundle,
    write_lines,
    write_table,
)


class Counted(io.StringIO):
    """Counts what was read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> str:
        text = super().read(size)
        self.taken += len(text)
        return text


# ── recognising ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_kind_of_a_file_is_seen_from_its_name_and_beginning(tmp_path: Path) -> None:
    made = {
        write_table(tmp_path / "any.csv", [charted(SPO2, 95)]): Format.CHART_EVENTS,
        write_table(tmp_path / "stays.csv", [stayed(60)], STAY_COLUMNS): Format.STAYS,
        write_table(tmp_path / "items.csv", [], ["row_id", "itemid", "label", "dbsource", "linksto"]): Format.ITEMS,
        write_lines(tmp_path / "a.ndjson.gz", [encounter(60)]): Format.RESOURCES,
        write_bundle(tmp_path / "b.json", [encounter(60)]): Format.BUNDLE,
        write_table(tmp_path / "other.csv", [], ["a", "b"]): None,
    }
    (tmp_path / "one.json").write_text(json.dumps(encounter(60), indent=1))
    (tmp_path / "no.json").write_text('{"name": "a package"}')
    (tmp_path / "not.json").write_text("not JSON")
    (tmp_path / "not.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "README.md").write_text("# read me")
    assert {path: recognise(path) for path in made} == made
    assert recognise(tmp_path / "one.json") is Format.RESOURCE
    for unknown in ("no.json", "not.json", "not.csv.gz", "README.md"):
        assert recognise(tmp_path / unknown) is None


def test_column_names_may_be_written_large(tmp_path: Path) -> None:
    path = tmp_path / "CHARTEVENTS.csv"
    path.write_text(",".join(CHART_COLUMNS).upper() + "\n" + ",".join(charted(SPO2, 95).values()) + "\n")
    (record,) = records(Source(path, recognise(path)))
    assert record.content is not None
    assert record.content["itemid"] == SPO2


def test_dictionaries_and_stays_are_read_first_and_from_beside_a_single_table(tmp_path: Path) -> None:
    chart = write_table(tmp_path / "a.csv", [charted(SPO2, 95)])
    write_table(tmp_path / "z.csv", [stayed(60)], STAY_COLUMNS)
    write_lines(tmp_path / "other.ndjson", [encounter(60)])
    assert [source.format for source in sources(tmp_path)] == [Format.STAYS, Format.CHART_EVENTS, Format.RESOURCES]
    assert [source.format for source in sources(chart)] == [Format.STAYS, Format.CHART_EVENTS]


def test_a_path_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sources(tmp_path / "nowhere")


# ── Bundles ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_gives_each_entry_with_its_line(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "b.json", [encounter(60), observation("2708-6", 95)])
    found = list(records(Source(path, Format.BUNDLE)))
    lines = path.read_text().splitlines()
    assert [record.content["resource"]["resourceType"] for record in found if record.content] == [
        "Encounter",
        "Observation",
    ]
    assert all(lines[record.line - 1].strip() == "{" for record in found)


def test_a_large_bundle_is_never_held_whole() -> None:
    text = json.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": {"n": n, "text": "x" * 1000}} for n in range(5000)]}
    )
    stream = Counted(text)
    first = next(entries(stream))
    assert first.content is not None
    assert first.content["resource"]["n"] == 0
    assert stream.taken < len(text) / 10
    assert sum(1 for _ in entries(io.StringIO(text))) == 5000


def test_what_was_read_of_a_bundle_is_forgotten() -> None:
    stream = io.StringIO(json.dumps({"entry": [{"resource": {"n": n, "text": "x" * 1000}} for n in range(5000)]}))
    tracemalloc.start()
    try:
        assert sum(1 for _ in entries(stream)) == 5000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_number_that_is_cut_by_the_end_of_a_chunk_is_read_whole(cut: int) -> None:
    before = '{"text": "'
    between = '", "entry": ['
    padding = "x" * (64 * 1024 - len(before) - len(between) - cut)
    stream = io.StringIO(before + padding + between + "12345, {}]}")
    assert list(entries(stream)) == [Record(1, None), Record(1, {})]


def test_a_bundle_may_name_its_type_last_and_hold_numbers_across_chunks() -> None:
    text = json.dumps(
        {"total": 12345, "entry": [{"resource": {"n": n}} for n in range(30_000)], "resourceType": "Bundle"}
    )
    assert [record.content["resource"]["n"] for record in entries(io.StringIO(text)) if record.content] == list(
        range(30_000)
    )


@pytest.mark.parametrize("end", ["", "}", '{"resource": {"n": 1}', '{"resource": NaN}]}', "]", "nonsense]}"])
def test_a_bundle_that_breaks_off_says_so_and_gives_what_came_before(end: str) -> None:
    found = entries(io.StringIO('{"resourceType": "Bundle", "entry": [{"resource": {"n": 0}},\n' + end))
    assert next(found).content == {"resource": {"n": 0}}
    with pytest.raises(BrokenFile, match="line 2"):
        list(found)


def test_an_entry_beyond_the_limit_breaks_the_file_instead_of_memory() -> None:
    text = '{"entry": [{"resource": {}}, {"resource": "' + "x" * 500_000 + '"}]}'
    with pytest.raises(BrokenFile, match="at most 1000"):
        list(entries(io.StringIO(text), limit=1000))


# ── ndjson ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_is_no_resource_is_a_record_without_content(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'\xef\xbb\xbf{"resourceType": "A"}\n\n[1]\nnot JSON\n{"n": NaN}\n\xff\xfe\n{"resourceType": "B"}')
    found = list(records(Source(path, Format.RESOURCES)))
    assert [record.line for record in found] == [1, 3, 4, 5, 6, 7]
    assert [record.content is not None for record in found] == [True, False, False, False, False, True]


def test_a_line_beyond_the_limit_is_one_record_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "RECORD_LIMIT", 100)
    found = list(resources.resources(io.BytesIO(b'{"a": "' + b"x" * 1000 + b'"}\n{"b": 1}\n')))
    assert found == [Record(1, None), Record(2, {"b": 1})]


def test_a_compressed_file_that_breaks_off_says_so_after_what_came_before(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson.gz", [observation("2708-6", 95, n, id=f"o-{n}") for n in range(2000)])
    path.write_bytes(path.read_bytes()[:-200])
    found = records(Source(path, Format.RESOURCES))
    assert next(found).line == 1
    with pytest.raises(BrokenFile, match="EOFError"):
        list(found)


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_of_another_length_are_records_without_content() -> None:
    found = list(rows(io.StringIO("A,b\n1,2\n3\n\n4,5,6\n7,8\n")))
    assert found == [Record(2, {"a": "1", "b": "2"}), Record(3, None), Record(5, None), Record(6, {"a": "7", "b": "8"})]


def test_a_quote_that_never_closes_spoils_its_row_and_not_memory() -> None:
    found = list(rows(io.StringIO("a,b\n1,2\n" + '"' + "x" * 300_000 + "\n3,4\n")))
    assert found[0] == Record(2, {"a": "1", "b": "2"})
    assert Record(3, None) in found


def test_a_table_may_be_compressed(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "a.csv", [charted(SPO2, 95), charted(SPO2, 96)])
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert files.recognise(packed) is Format.CHART_EVENTS
    assert len(list(records(Source(packed, Format.CHART_EVENTS)))) == 2
