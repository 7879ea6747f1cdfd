from collections.abc import Iterator

import pytest

from local.emr.embedded import EmbeddedEmr


@pytest.fixture(scope="session")
def shared_emr() -> Iterator[EmbeddedEmr]:
    with EmbeddedEmr() as emr:
        yield emr


@pytest.fixture
def emr(shared_emr: EmbeddedEmr) -> Iterator[EmbeddedEmr]:
    """The EMR of all tests, without faults; tests keep apart by the ids they use."""
    yield shared_emr
    shared_emr.faults.clear()
