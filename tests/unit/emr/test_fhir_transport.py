"""The real transport against real sockets: what it may say about a request that failed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions.emr.transport import NoAnswer, NotSent, Urllib3Transport


@contextmanager
def server(answer: bytes | None, *, connections: int = 1) -> Iterator[tuple[str, list[bytes]]]:
    """Accepts connections, reads a request from each, then answers with these bytes and closes; None never answers."""
    requests: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(connections):
                connection, _ = listener.accept()
                with connection:
                    requests.append(connection.recv(65536))
                    if answer is None:
                        done.wait(10)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        done.set()
        thread.join(10)


def test_an_answer_arrives_whole() -> None:
    with server(b'HTTP/1.1 201 Created\r\nETag: W/"1"\r\nContent-Length: 2\r\n\r\n{}') as (url, requests):
        response = Urllib3Transport().send("POST", f"{url}/Task", {"X-Test": "1"}, b"{}", 5)
    assert (response.status, response.headers["etag"], response.body) == (201, 'W/"1"', b"{}")
    assert requests[0].startswith(b"POST /Task HTTP/1.1\r\n")
    assert b"X-Test: 1\r\n" in requests[0]


def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent):
        Urllib3Transport().send("POST", f"http://127.0.0.1:{port}/Task", {}, b"{}", 5)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="never"),
        pytest.param(b"", id="closed without an answer"),
        pytest.param(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{", id="closed in the middle of the answer"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="not HTTP"),
    ],
)
def test_a_request_without_an_answer_may_have_been_sent(answer: bytes | None) -> None:
    with server(answer) as (url, requests), pytest.raises(NoAnswer):
        Urllib3Transport().send("POST", f"{url}/Task", {}, b"{}", 0.3)
    assert len(requests) == 1, "a request that may have been sent is not sent again"


@pytest.mark.parametrize("status", [301, 302, 307, 308, 503])
def test_nothing_is_repeated_or_redirected(status: int) -> None:
    reply = f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".encode()
    with server(reply) as (url, requests):
        assert Urllib3Transport().send("POST", f"{url}/Task", {}, b"{}", 5).status == status
    assert len(requests) == 1
