"""Serve the embedded AWS: MiniStack, bound to 127.0.0.1, with the wrappers of `fidelity` applied.

Run by the interpreter of MiniStack's own virtual environment: `.ministack/bin/python local/aws/server/serve.py
--state-dir D`. Everything MiniStack reads from the environment is set here before its first import, and nothing of
the caller's own environment but PATH, HOME and the locale reaches it, because Lambda workers inherit the server's
environment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"

EXIT_PORT_IN_USE = 3

KEPT_FROM_THE_CALLER = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "USER"})

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def main() -> int:
    """Serve until SIGTERM, SIGINT or, with `--die-with-parent`, the end of standard input; return the exit code."""
    options = parse(sys.argv[1:])
    try:
        listener = listen(options.port)
    except OSError as problem:
        print(f"cannot listen on {HOST}:{options.port}: {problem.strerror}", file=sys.stderr)
        return EXIT_PORT_IN_USE
    port = int(listener.getsockname()[1])
    state = Path(options.state_dir).resolve()
    (state / "tmp").mkdir(parents=True, exist_ok=True)
    served = environment(dict(os.environ), port, state, options.log_level, options.persist)
    os.environ.clear()
    os.environ.update(served)

    sys.path.append(str(REPOSITORY))
    from local.aws.server import capacity, fidelity, unpacked

    fidelity.apply(without=frozenset(options.without))
    capacity.apply(options.workers_per_function)
    unpacked.apply(state / "tmp" / "unpacked")

    from ministack.app import app

    asyncio.run(serve(app, listener, lambda: announce(state, port), options.die_with_parent))
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state-dir", required=True, help="folder for the ready file, temporary files and saved state")
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--persist", action="store_true", help="save all state to the state folder at a clean exit")
    parser.add_argument("--die-with-parent", action="store_true", help="exit when standard input ends")
    parser.add_argument("--workers-per-function", type=int, default=4, help="sandboxes one Lambda function may have")
    parser.add_argument("--without", action="append", default=[], metavar="WRAPPER", help="leave one wrapper out")
    return parser.parse_args(arguments)


def environment(caller: dict[str, str], port: int, state: Path, log_level: str, persist: bool) -> dict[str, str]:
    """The whole environment of the server, and so of every Lambda worker."""
    kept = {name: value for name, value in caller.items() if name in KEPT_FROM_THE_CALLER}
    return kept | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # `test` is the account's root; a Lambda worker gets credentials of its role instead.
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUTH": "true",
        "LOG_LEVEL": log_level,
        "TMPDIR": str(state / "tmp"),
        "TZ": "UTC",
        "PERSIST_STATE": "1" if persist else "0",
        "STATE_DIR": str(state / "saved"),
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(state / "s3"),
        # Listeners nobody asked for.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # A burst leaves surplus sandboxes behind; each holds some 30 to 60 MB. AWS keeps them for minutes; one that is ended
        # earlier costs its start, a second of a processor, again at the next burst.
        "LAMBDA_WARM_TTL_SECONDS": "120",
    }


def listen(port: int) -> socket.socket:
    """A bound socket, so that two servers can never be given the same free port. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def announce(state: Path, port: int) -> None:
    """Say that requests are served: the ready file appears whole or not at all."""
    draft = state / "ready.json.draft"
    draft.write_text(json.dumps({"port": port, "pid": os.getpid()}))
    draft.replace(state / "ready.json")


async def serve(app: Application, listener: socket.socket, ready: Callable[[], None], die_with_parent: bool) -> None:
    """Serve `app` until told to stop, let it save what there is then, and end every Lambda worker."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from local.aws.server import standstill

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if die_with_parent:
        threading.Thread(target=_wait_for_parent, args=(loop, stop), daemon=True, name="parent").start()

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 15
    try:
        await hypercorn_serve(_announcing(app, ready), config, shutdown_trigger=lambda: _standing_still(stop))
    finally:
        standstill.end_workers()


def _announcing(app: Application, ready: Callable[[], None]) -> Application:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return

        async def announced(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                ready()

        await app(scope, receive, announced)

    return application


def _wait_for_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # The parent holds the other end of this pipe: it ends with the parent, however the parent dies.
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(stop.set)


async def _standing_still(stop: asyncio.Event) -> None:
    from local.aws.server import standstill

    await stop.wait()
    standstill.stand_still()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # MiniStack keeps threads that wait for work or for a task token; none of them holds anything worth waiting for.
    os._exit(code)
