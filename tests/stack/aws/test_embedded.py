"""That the embedded AWS starts, ends and says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.aws import embedded, running
from local.aws.embedded import AwsNotStarted, EmbeddedAws
from local.aws.running import AwsNotRunning
from tests.stack.aws import support

pytestmark = pytest.mark.stack

SLEEPING = "import time\ndef handler(event, context): time.sleep(30)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedAws]:
    """An embedded AWS that the test may stop."""
    with EmbeddedAws(tmp_path / "aws") as aws:
        yield aws


def busy_worker(aws: EmbeddedAws) -> int:
    """The process id of a worker in mid-invocation."""
    function = support.function(aws, SLEEPING, timeout=60)
    aws.client("lambda").invoke(FunctionName=function, InvocationType="Event")
    return support.eventually(lambda: aws.workers(function))[0]


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_stop_ends_the_server_and_its_workers_and_removes_its_temporary_files(
    own: EmbeddedAws, tmp_path: Path
) -> None:
    server, worker = own.pid, busy_worker(own)
    assert server is not None
    assert running.running(tmp_path / "aws").endpoint == own.endpoint
    own.stop()
    assert gone(server)
    assert gone(worker)
    assert not own.alive()
    assert sorted(path.name for path in (tmp_path / "aws").iterdir()) == ["lock", "server.log"]
    with pytest.raises(AwsNotRunning, match="baton up"):
        running.running(tmp_path / "aws")


STARTING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs in the background inherits that it is ignored
from pathlib import Path
from local.aws.embedded import EmbeddedAws
aws = EmbeddedAws(Path(sys.argv[1]))
aws.start()
print(aws.pid, aws.port, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTING, str(tmp_path / "aws")]
    with subprocess.Popen(
        command, cwd=support.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as starter:
        assert starter.stdout is not None
        server, port = (int(part) for part in starter.stdout.readline().split())
        aws = running.RunningAws(port, server)
        function = support.function(aws, SLEEPING, timeout=60)
        aws.client("lambda").invoke(FunctionName=function, InvocationType="Event")
        worker = support.eventually(lambda: aws.workers(function))[0]
        starter.send_signal(how)
        starter.wait(30)
    support.eventually(lambda: gone(server) and gone(worker))


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AwsNotStarted, match=f"port {port} of 127.0.0.1 is in use"):
            EmbeddedAws(tmp_path, port).start()


def test_a_folder_in_use_is_said(own: EmbeddedAws, tmp_path: Path) -> None:
    assert own.alive()
    with pytest.raises(AwsNotStarted, match="another embedded AWS uses"):
        EmbeddedAws(tmp_path / "aws").start()


def test_a_missing_environment_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_INTERPRETER", tmp_path / "nothing")
    with pytest.raises(AwsNotStarted, match="make setup"):
        EmbeddedAws(tmp_path).start()


def test_an_unknown_wrapper_is_said(tmp_path: Path) -> None:
    with pytest.raises(AwsNotStarted, match="no such wrapper: nothing"):
        EmbeddedAws(tmp_path, without=["nothing"]).start()


def test_every_wrapper_has_a_test_that_fails_without_it() -> None:
    program = "from local.aws.server.fidelity import WRAPPERS; print(*WRAPPERS)"
    wrappers = set(support.in_the_environment_of_the_server(program).split())
    modules = (support.ROOT / "local" / "aws" / "server" / "fidelity").glob("[a-z]*.py")
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert wrappers == {module.stem for module in modules}
    assert wrappers == named(tests)


def named(tests: str) -> set[str]:
    """The wrappers that tests are marked with, or name as what they do without."""
    return {name for pair in re.findall(r'wrapper\("(\w+)"\)|"without (\w+)"', tests) for name in pair if name}


def test_the_environment_names_this_aws_and_no_other(own: EmbeddedAws) -> None:
    env = own.env({"PATH": "/bin", "AWS_PROFILE": "hospital", "AWS_SESSION_TOKEN": "t"})
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN"}.isdisjoint(env)
    assert (env["PATH"], env["AWS_ENDPOINT_URL"]) == ("/bin", own.endpoint)
    assert env["AWS_CONFIG_FILE"] == os.devnull


def test_a_worker_sees_nothing_of_the_environment_of_whoever_started_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSPITAL_SECRET", "s")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with EmbeddedAws(tmp_path / "aws") as aws:
        function = support.function(aws, "import os\ndef handler(event, context): return dict(os.environ)")
        seen = support.invoke(aws, function)
    assert {"HOSPITAL_SECRET", "PYTHONPATH"}.isdisjoint(seen)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert seen["TZ"] == "UTC"


def test_it_listens_on_this_machine_only(own: EmbeddedAws) -> None:
    assert own.pid is not None
    listening = [part.laddr for part in psutil.Process(own.pid).net_connections() if part.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", own.port)]


def test_a_reset_empties_the_account(own: EmbeddedAws) -> None:
    support.queue(own)
    own.reset()
    assert own.client("sqs").list_queues().get("QueueUrls", []) == []


def test_resources_last_from_a_stop_to_the_next_start(tmp_path: Path) -> None:
    with EmbeddedAws(tmp_path, persist=True) as aws:
        table = support.table(aws)
        support.put(aws, table, "CASE#1", "META")
        port = aws.port
        aws.stop()
        aws.start()
        assert aws.port == port
        assert aws.client("dynamodb").scan(TableName=table, Select="COUNT")["Count"] == 1


def test_a_function_has_no_more_sandboxes_than_the_machine_can_bear(own: EmbeddedAws) -> None:
    function = support.function(own, "import time\ndef handler(event, context): time.sleep(0.3)")
    for _ in range(10):
        own.client("lambda").invoke(FunctionName=function, InvocationType="Event")
    most = 0

    def idle() -> bool:
        nonlocal most
        most = max(most, len(own.workers(function)))
        logs = own.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{function}")["logStreams"]
        return len(logs) == 10

    own.client("logs").create_log_group(logGroupName=f"/aws/lambda/{function}")
    support.eventually(idle)
    assert most == 4
