"""One embedded AWS for all tests here, and for a wrapper's test a second one that lacks that wrapper.

A test marked `wrapper("name")` states what AWS does. It runs twice: on the embedded AWS, where it must pass, and on one
without that wrapper, where it must fail; if it passes there too, the wrapper has become needless or the test says too
little.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

HERE = Path(__file__).parent
WHOLE = ""
SHARED, LASTING = "aws", "lasting"
ENTIRELY_UNLIKE = (AssertionError, ClientError, pytest.fail.Exception)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wrapper(name): states a behaviour of AWS that this wrapper is needed for")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    server = next((name for name in (SHARED, LASTING) if name in metafunc.fixturenames), None)
    if server is None:
        return
    wrapper = metafunc.definition.get_closest_marker("wrapper")
    servers = [pytest.param(WHOLE, id="aws")]
    if wrapper is not None:
        name = str(wrapper.args[0])
        differs = pytest.mark.xfail(strict=True, raises=ENTIRELY_UNLIKE, reason=f"needs {name}")
        servers.append(pytest.param(name, id=f"without {name}", marks=differs))
    metafunc.parametrize(server, servers, indirect=True, scope="session" if server == SHARED else "function")


def lacked(item: pytest.Item) -> str:
    """The wrapper that this run of a test does without, if any."""
    if HERE not in item.path.parents or not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return WHOLE
    return str(item.callspec.params.get(SHARED, item.callspec.params.get(LASTING, WHOLE)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with several cases, one without the wrapper is enough."""
    seen: set[tuple[str, str]] = set()
    kept: list[pytest.Item] = []
    spared: list[pytest.Item] = []
    for item in items:
        key = (getattr(item, "originalname", item.name), lacked(item))
        (spared if lacked(item) and key in seen else kept).append(item)
        seen.add(key)
    config.hook.pytest_deselected(items=spared)
    items[:] = kept


class Servers:
    """Servers that each lack one wrapper; while one is used, the next is started."""

    def __init__(self, folder: Path, wrappers: list[str]) -> None:
        self._folder = folder
        self._wrappers = wrappers
        self._starting: dict[str, Future[EmbeddedAws]] = {}
        self._starter = ThreadPoolExecutor(1)

    def lacking(self, wrapper: str) -> EmbeddedAws:
        """The server that lacks `wrapper`."""
        self._begin(wrapper)
        after = self._wrappers.index(wrapper) + 1
        for following in self._wrappers[after : after + 1]:
            self._begin(following)
        return self._starting[wrapper].result()

    def stop(self) -> None:
        """Stop those that nobody asked for."""
        for starting in self._starting.values():
            starting.result().stop()
        self._starter.shutdown()

    def _begin(self, wrapper: str) -> None:
        if wrapper not in self._starting:
            self._starting[wrapper] = self._starter.submit(self._start, wrapper)

    def _start(self, wrapper: str) -> EmbeddedAws:
        aws = EmbeddedAws(self._folder / wrapper, without=[wrapper])
        aws.start()
        return aws


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """The embedded AWS with every wrapper."""
    with EmbeddedAws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers that lack a wrapper."""
    sharing = [item for item in request.session.items if SHARED in getattr(item, "fixturenames", ())]
    wrappers = dict.fromkeys(lacked(item) for item in sharing if lacked(item))
    servers = Servers(tmp_path_factory.mktemp("without"), list(wrappers))
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest) -> Iterator[EmbeddedAws]:
    """The embedded AWS that this run of the test is about."""
    if request.param == WHOLE:
        yield request.getfixturevalue("whole")
        return
    lacking = request.getfixturevalue("servers").lacking(request.param)
    yield lacking
    lacking.stop()


@pytest.fixture
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedAws]:
    """An embedded AWS that the test may restart, and that keeps what it holds."""
    without = [] if request.param == WHOLE else [request.param]
    with EmbeddedAws(tmp_path / "lasting", persist=True, without=without) as aws:
        yield aws


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less long for what is expected not to happen."""
    monkeypatch.setattr(support.Patience, "seconds", support.SHORT if lacked(request.node) else support.LONG)
