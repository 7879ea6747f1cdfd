"""A function's environment is Lambda's and what its configuration says, nothing else.

AWS: the runtime sets PATH, LANG, TZ and names that begin with AWS_ or LAMBDA_ (developer guide, "Using Lambda
environment variables").
MiniStack: adds the environment of the server, such as its own LOG_LEVEL, which Powertools' logger reads.
Baton: what a function reads must come from the template.
"""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime

KEPT = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"})
PREFIXES = ("AWS_", "_LAMBDA_", "AWS_LAMBDA_", "LAMBDA_TASK_", "LAMBDA_RUNTIME_")


def apply() -> None:
    """Start workers with that; the function's own variables reach them in their first message and are not touched."""

    def start(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        kept = {name: value for name, value in env.items() if name in KEPT or name.startswith(PREFIXES)}
        return subprocess.Popen(command, env=kept, **options)

    lambda_runtime.subprocess = SimpleNamespace(Popen=start, PIPE=subprocess.PIPE)
