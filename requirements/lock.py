"""Writes the hash-locked lists (*.txt) from what each part asks for (*.in), as the public registry has it.

Arguments are passed on to `uv pip compile`, for example `--upgrade`.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# In every Lambda runtime already, at the version that AWS maintains there: boto3 and what it alone brings.
IN_THE_RUNTIME = ("boto3", "botocore", "python-dateutil", "s3transfer", "six", "urllib3")


def lock(name: str, *options: str) -> None:
    """Resolve requirements/`name`.in for every platform and Python supported; raise CalledProcessError if none fits."""
    source, target = f"requirements/{name}.in", f"requirements/{name}.txt"
    command = [f"{ROOT}/.venv/bin/uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--generate-hashes"]
    command += ["--python-version", "3.11", "--no-header", "--output-file", target, source, *options]
    # What this machine is configured with must not reach the lists: they name files of the public registry only.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    subprocess.run(command, check=True, cwd=ROOT, env={**environment, "UV_SYSTEM_CERTS": "true"})


def main() -> int:
    """Lock the project first: what runs in a Lambda function is then the version that the tests ran with."""
    options = sys.argv[1:]
    same = ("--constraint", "requirements/project.txt")
    without = [option for package in IN_THE_RUNTIME for option in ("--no-emit-package", package)]
    lock("project", *options)
    lock("installer", *same)
    lock("ministack", *options)
    for name in ("lambda-core", "lambda-fhir"):
        lock(name, *same, *without)
    return 0


if __name__ == "__main__":
    sys.exit(main())
