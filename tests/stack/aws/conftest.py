"""One embedded AWS for all tests here, and for a wrapper's test a second one that lacks that wrapper.

A test marked `wrapper("name")` states what AWS does. It runs twice: on the embedded AWS, where it must pass, and on one without
that wrapper, where it must fail; if it passes there too, the wrapper has become needless or the test says too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

WHOLE = ""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wrapper(name): states a behaviour of AWS that this wrapper is needed for")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "aws" not in metafunc.fixturenames:
        return
    wrapper = metafunc.definition.get_closest_marker("wrapper")
    servers = [pytest.param(WHOLE, id="aws")]
    if wrapper is not None:
        name = str(wrapper.args[0])
        differs = pytest.mark.xfail(
            strict=True, raises=(AssertionError, ClientError, pytest.fail.Exception), reason=f"needs {name}"
        )
        servers.append(pytest.param(name, id=f"without {name}", marks=differs))
    metafunc.parametrize("aws", servers, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with several cases, one without the wrapper is enough."""
    seen: set[tuple[Any, str]] = set()
    kept: list[pytest.Item] = []
    spared: list[pytest.Item] = []
    for item in items:
        lacking = (
            item.callspec.params.get("aws") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
        )
        key = (getattr(item, "originalname", item.name), str(lacking))
        (spared if lacking and key in seen else kept).append(item)
        seen.add(key)
    config.hook.pytest_deselected(items=spared)
    items[:] = kept


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """The embedded AWS with every wrapper."""
    with EmbeddedAws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture(scope="session")
def aws(
    request: pytest.FixtureRequest, whole: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedAws]:
    """The embedded AWS that this run of the test is about."""
    if request.param == WHOLE:
        yield whole
    else:
        support.Patience.seconds = support.SHORT
        with EmbeddedAws(tmp_path_factory.mktemp("aws"), without=[request.param]) as lacking:
            yield lacking
        support.Patience.seconds = support.LONG
