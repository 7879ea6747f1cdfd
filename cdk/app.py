"""The CDK app: `cdk synth -c target=aws`, and `cdk deploy` likewise. Nothing here asks AWS, so it works offline.

Context: `target` (aws or local; aws unless said), `stack` (the stack's name; Baton unless said), `emr_base_url` (a default
for the stack's parameter EmrBaseUrl).
"""

from __future__ import annotations

import os
from pathlib import Path

from cdk.target import ROOT

# The CDK's library runs on Node: on the project's own, whatever the PATH says, unpacked inside the checkout.
_NODE = ROOT / ".venv" / "bin" / "node"
if _NODE.exists():
    os.environ.setdefault("JSII_NODE", str(_NODE))
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".bundles" / "jsii"))

from aws_cdk import App  # noqa: E402

from cdk.bundling import bundle  # noqa: E402
from cdk.grants import FUNCTIONS  # noqa: E402
from cdk.published import versions  # noqa: E402
from cdk.stack import BatonStack  # noqa: E402
from cdk.target import Target, runtime  # noqa: E402

STACK = "Baton"


def app(target: Target | None = None, outdir: Path | None = None) -> App:
    """The app with its one stack. Raises ValueError for an unknown target, and what bundling and the versions raise."""
    made = App(outdir=None if outdir is None else str(outdir), analytics_reporting=False)
    aim = target or Target(made.node.try_get_context("target") or Target.AWS)
    BatonStack(
        made,
        made.node.try_get_context("stack") or STACK,
        runtime=runtime(aim),
        bundles={function: bundle(function, aim) for function in FUNCTIONS},
        versions=versions(),
        emr_base_url=made.node.try_get_context("emr_base_url"),
    )
    return made


def main() -> None:
    """Synthesise into the folder that the CDK command asks for, or cdk.out."""
    app().synth()


if __name__ == "__main__":
    main()
