"""What the firehose of the load run sends."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.benchmark.load.saturations import FEWEST, HIGHEST, LOWEST, MADE_UP, NoSeries, charted

HEADER = "row_id,subject_id,hadm_id,icustay_id,itemid,charttime,storetime,value,valuenum,valueuom,error,stopped\n"


def _row(number: int, stay: str, item: str, hour: int, value: str) -> str:
    at = f"2130-01-01 {hour:02d}:00:00"
    return f"{number},1,2,{stay},{item},{at},{at},{value},{value},%,0,\n"


def _table(folder: Path, *rows: str) -> Path:
    (folder / "chartevents.csv").write_text(HEADER + "".join(rows))
    return folder


def test_a_charted_series_is_in_the_order_in_which_it_was_true_and_begins_again_when_it_is_over(tmp_path: Path) -> None:
    hours = list(reversed(range(FEWEST)))
    rows = [_row(hour, "A", "220277", hour, str(80 + hour)) for hour in hours]
    rows += [_row(99, "A", "220210", 3, "20")]  # a respiratory rate
    rows += [_row(100, "B", "220277", 1, "97")]  # too short a series
    found = charted(_table(tmp_path, *rows))
    assert found.origin == f"charted: {FEWEST} of 1 encounters"
    first, second = found.of(2)
    assert list(islice(first, FEWEST + 2)) == [*range(80, 80 + FEWEST), 80, 81]
    assert next(second) == 80


def test_data_without_a_series_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSeries, match=tmp_path.name):
        charted(_table(tmp_path, _row(1, "A", "220277", 1, "97")))


def test_made_up_saturations_are_the_same_each_time_and_differ_by_patient() -> None:
    one, other = ([list(islice(each, 200)) for each in MADE_UP.of(2)] for _ in range(2))
    assert one == other
    assert one[0] != one[1]
    assert all(LOWEST <= percent <= HIGHEST for percent in one[0])
