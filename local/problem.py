"""What goes wrong at the command line and can be mended there, and how it is said; anything else is a defect and shows itself."""

from __future__ import annotations


class Problem(Exception):
    """The command could not do what was asked; the text says why, and how to mend it."""


def mendable(error: BaseException) -> str | None:
    """What to say of an error that a person can mend; None of one that is a defect, whose trace must be seen."""
    from botocore.exceptions import ConnectionError as Unreachable
    from botocore.exceptions import HTTPClientError

    from events.files import EventFileError
    from functions.cases.commands import Refused
    from local.aws.embedded import AwsNotStarted
    from local.aws.running import AwsNotRunning
    from local.compile import PublishedVersionChanged
    from local.connection import NotSent
    from local.definitions import NotReadable
    from local.demo.stage import TooLate
    from local.deploy import DeployFailed
    from local.diagram.render import NotDrawn
    from local.emr.embedded import EmrNotStarted, EmrRefused
    from local.replay.stack import NotAdmitted
    from local.running import NotUp, StackFailed
    from statemachines.compile.asl import NotCompilable
    from statemachines.policy import UnknownInPolicy
    from statemachines.published import MalformedReleases

    if isinstance(error, (Unreachable, HTTPClientError)):
        return "the embedded AWS does not answer any more; `baton down` clears up, `baton up` starts a new one"
    said = (
        Problem, NotUp, StackFailed, AwsNotRunning, AwsNotStarted, DeployFailed, EmrNotStarted, EmrRefused, EventFileError, NotSent,
        NotAdmitted, NotReadable, Refused, TooLate, PublishedVersionChanged, NotCompilable, NotDrawn, UnknownInPolicy,
        MalformedReleases,
    )  # fmt: skip
    return str(error) if isinstance(error, said) else None
