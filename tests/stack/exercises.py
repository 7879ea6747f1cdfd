"""For each permission of the one list, the smallest thing that cannot be done without it.

An exercise prepares what it needs and returns an attempt. An attempt that went well returns None; one that did not returns
all that was said of it, among which is who was refused what. Attempts can be repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from cdk.grants import GRANTS, Actor, Grant, On
from functions.cases import keys
from functions.cases.adapters.stepfunctions import name as execution_name
from functions.cases.rows import CaseRow, Parent
from functions.cases.sweep import is_behind
from functions.cases.table import Key, Put, Update
from tests.stack.executions import history
from tests.stack.lambdas import Lambdas, from_queue, from_stream
from tests.stack.ward import Ward

Attempt: TypeAlias = Callable[[], str | None]
Exercise: TypeAlias = Callable[["Gym"], Attempt]

NOT_ENFORCED: Mapping[str, str] = {
    **dict.fromkeys(
        (grant.verb for grant in GRANTS if grant.verb.startswith("xray:")),
        "the embedded AWS has no tracing daemon: nothing sends segments in a role's name",
    ),
    **dict.fromkeys(
        (grant.verb for grant in GRANTS if grant.actor is Actor.MACHINES and grant.verb.startswith("logs:")),
        "the embedded AWS delivers no logs of state machines",
    ),
}
"""Permissions that AWS asks for and the embedded AWS does not, with the reason; no test here can miss them."""

POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
READING_A_STREAM = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)
_ANSWERED_WITHIN_SECONDS = 8.0
TIMER_SECONDS = 4
"""Long enough to take a permission away before it fires."""


class Gym:
    """What exercises are done with."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.aws = ward.stack.aws
        self.lambdas = Lambdas(self.aws)

    # ── direct invocations ───────────────────────────────────────────────────────────────────────────────────────────────

    def invoking(self, actor: Actor, event: Mapping[str, Any]) -> Attempt:
        """Invoke a function with an event."""
        return lambda: self.lambdas.failure(actor, event)

    def cold(self, actor: Actor, attempt: Attempt) -> Attempt:
        """The attempt in a worker that has nothing in memory yet."""
        self.lambdas.forget(actor)

        def anew() -> str | None:
            said = attempt()
            if said is None:
                self.lambdas.forget(actor)  # it knows by now what it would have to ask for; the next one does not
            return said

        return anew

    # ── what a function is asked ─────────────────────────────────────────────────────────────────────────────────────────

    def follow(self, action: str, row: CaseRow, **more: Any) -> dict[str, Any]:
        """A request of an execution to follow."""
        asked = {"case": row.id, "generation": row.generation, "visit": row.visit, "entry": 0}
        return {"action": action, **asked, **more}

    def entry(self, row: CaseRow) -> dict[str, Any]:
        """A case's first journal entry, as the stream has it."""
        at = keys.journal(row.id, 1)
        got = self.aws.client("dynamodb").get_item(
            TableName=self.ward.connection.outputs.table, Key={"pk": {"S": at.pk}, "sk": {"S": at.sk}}
        )
        return dict(got["Item"])

    def look_now(self, key: Key, **more: Any) -> None:
        """Let the sweep look at a row the next time."""
        self.ward.connection.table.update(Update(key, set={"look_at": time.time() - 1, **more}))

    # ── what nobody invokes directly ─────────────────────────────────────────────────────────────────────────────────────

    def fed(self, actor: Actor, put: Callable[[], None], handled: Callable[[float], bool]) -> Attempt:
        """Put something into a function's source, and see whether its mapping hands it over."""

        def attempt() -> str | None:
            since = time.time()
            put()

            def outcome() -> str | None:
                if handled(since):
                    return ""
                said = str(self.lambdas.mapping(actor).get("LastProcessingResult", ""))
                return said if "not authorized" in said else None

            return self.ward.eventually(outcome, _ANSWERED_WITHIN_SECONDS) or None

        return attempt

    def logged(self, actor: Actor, event: Mapping[str, Any]) -> Attempt:
        """Invoke a function, and see whether its log has the invocation."""

        def attempt() -> str | None:
            since, read = time.time(), self.aws.log.stat().st_size
            self.lambdas.failure(actor, event)
            if self.lambdas.log(actor, since):
                return None
            return self.aws.log.read_bytes()[read:].decode(errors="replace")

        return attempt

    def executed(self, row: CaseRow) -> Attempt:
        """See whether a case's execution gets on, or what its history says of the attempt."""

        def outcome() -> str | None:
            if self.ward.row(row.id).visit > row.visit:
                return ""
            said = json.dumps(history(self.ward.connection, row), default=str)
            return said if "not authorized" in said else None

        return lambda: self.ward.eventually(outcome) or None

    def without_retries(self, actor: Actor, attempt: Attempt) -> Attempt:
        """The attempt while the function's mapping gives up on a record at once."""
        client = self.aws.client("lambda")

        def hurried() -> str | None:
            mapping = self.lambdas.mapping(actor)
            client.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=0)
            try:
                return attempt()
            finally:
                client.update_event_source_mapping(
                    UUID=mapping["UUID"], MaximumRetryAttempts=mapping["MaximumRetryAttempts"]
                )

        return hurried


# ── intake ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def order(gym: Gym) -> Attempt:
    """An order opens a case, offers its task to somebody on shift, and starts an execution."""
    return gym.invoking(Actor.INTAKE, from_queue(gym.ward.next(gym.ward.encounter(), "ordered")))


def move(gym: Gym) -> Attempt:
    """An event moves a case."""
    row = gym.ward.unfollowed("ordered")
    assert row.encounter is not None
    return gym.invoking(Actor.INTAKE, from_queue(gym.ward.next(row.encounter, "assessment_due")))


def move_followed(gym: Gym) -> Attempt:
    """An event moves a case whose execution waits."""
    row = gym.ward.parked("ordered")
    assert row.encounter is not None
    return gym.invoking(Actor.INTAKE, from_queue(gym.ward.next(row.encounter, "assessment_due")))


def order_after_event(gym: Gym) -> Attempt:
    """An order opens a case, and the event that waited for it leaves its waiting place."""
    encounter = gym.ward.encounter()
    gym.ward.held(encounter)
    return gym.invoking(Actor.INTAKE, from_queue(gym.ward.next(encounter, "ordered")))


def first_order(gym: Gym) -> Attempt:
    """An order reaches a worker that has only just begun."""
    return gym.cold(Actor.INTAKE, order(gym))


# ── follow ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def deadline(gym: Gym) -> Attempt:
    """A deadline passes, and the case goes to whom it escalates to, who is on shift."""
    row = gym.ward.overdue(gym.ward.unfollowed("assessment_due"))
    return gym.invoking(Actor.FOLLOW, gym.follow("deadline", row))


def late_park(gym: Gym) -> Attempt:
    """An execution asks to wait where the case no longer is, and is sent after it."""
    row = gym.ward.parked("ordered")
    assert row.park is not None
    gym.ward.moved_ahead(row, "assessment_due")
    return gym.invoking(Actor.FOLLOW, gym.follow("park", row, attempt=row.park.attempt + 1, token=row.park.token))


def grown_old(gym: Gym) -> Attempt:
    """An execution that has followed its case long enough asks to wait, and another goes on in its place."""
    row = gym.ward.parked("ordered")
    assert row.park is not None
    gym.ward.grown_old(row)
    return gym.invoking(Actor.FOLLOW, gym.follow("park", row, attempt=row.park.attempt + 1, token=row.park.token))


def first_deadline(gym: Gym) -> Attempt:
    """A deadline reaches a worker that has only just begun."""
    return gym.cold(Actor.FOLLOW, deadline(gym))


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def filing(gym: Gym) -> Attempt:
    """The documentation is filed, and the case goes to whom the next step belongs, who is on shift."""
    row = gym.ward.unfollowed("filing")
    return gym.invoking(Actor.WORK, gym.follow("work", row, work="file_documentation"))


def first_filing(gym: Gym) -> Attempt:
    """A step reaches a worker that has only just begun."""
    return gym.cold(Actor.WORK, filing(gym))


def _ends_under(gym: Gym, parent: CaseRow) -> Attempt:
    """The documentation of a parent's case is read back, and with that the case ends."""
    row = gym.ward.unfollowed("filing")
    assert gym.lambdas.failure(Actor.WORK, gym.follow("work", row, work="file_documentation")) is None
    gym.ward.connection.table.update(Update(keys.meta(row.id), set={"parent": Parent(parent.id, 0)._asdict()}))
    return gym.invoking(Actor.WORK, gym.follow("work", gym.ward.row(row.id), work="confirm_documentation"))


def ends_under_waiting_parent(gym: Gym) -> Attempt:
    """A case ends, and the execution of its parent is woken, which waits behind its journal."""
    parent = gym.ward.parked("ordered")
    gym.ward.moved_ahead(parent, "assessment_due")
    return _ends_under(gym, parent)


def ends_under_unfollowed_parent(gym: Gym) -> Attempt:
    """A case ends, and its parent, which nobody follows, gets its execution."""
    return _ends_under(gym, gym.ward.unfollowed("ordered"))


# ── relay ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pass_on(gym: Gym) -> Attempt:
    """A journal entry is passed on to write-back and the bus."""
    return gym.invoking(Actor.RELAY, from_stream(gym.entry(gym.ward.unfollowed("ordered"))))


def give_up(gym: Gym) -> Attempt:
    """A row that nobody can pass on is given up, and its place in the stream becomes a dead letter."""
    sqs, letters = gym.aws.client("sqs"), gym.ward.connection.outputs.dead_letters["relay"]
    row = gym.ward.unfollowed("ordered")
    numbers = iter(range(900_000, 999_999))

    def attempt() -> str | None:
        read = gym.aws.log.stat().st_size
        at = keys.journal(row.id, next(numbers))
        gym.ward.connection.table.write((Put({"pk": at.pk, "sk": at.sk, "kind": "unknown"}),))

        def outcome() -> str | None:
            said = gym.aws.log.read_bytes()[read:].decode(errors="replace")
            if "failure record dropped" in said:
                return said
            messages = sqs.receive_message(QueueUrl=letters).get("Messages", [])
            for message in messages:
                sqs.delete_message(QueueUrl=letters, ReceiptHandle=message["ReceiptHandle"])
            return "" if messages else None

        return gym.ward.eventually(outcome) or None

    return gym.without_retries(Actor.RELAY, attempt)


def journaled(gym: Gym) -> Attempt:
    """A journal entry reaches relay from the stream."""
    found: list[CaseRow] = []
    return gym.fed(
        Actor.RELAY,
        lambda: found.append(gym.ward.unfollowed("ordered")),
        lambda since: found[-1].id in gym.lambdas.log(Actor.RELAY, since),
    )


# ── writeback ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mirror(gym: Gym) -> Attempt:
    """The EMR is brought in line with a case that it shows already."""
    return _brought(gym, {"seq": 1})


def check(gym: Gym) -> Attempt:
    """The EMR is searched for all that it has of a case."""
    return _brought(gym, {"seq": 1, "check": True})


def _brought(gym: Gym, asked: Mapping[str, Any]) -> Attempt:
    row = gym.ward.unfollowed("ordered")
    written = f'"case":"{row.id}"'
    began = row.opened_at - 1
    gym.ward.eventually(lambda: True if written in gym.lambdas.log(Actor.WRITEBACK, began) else None)
    return gym.invoking(Actor.WRITEBACK, from_queue({"case": row.id, **asked}, group=row.id))


# ── reconcile ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ended(row: CaseRow) -> dict[str, Any]:
    return from_queue({"detail": {"name": execution_name(row.id, row.generation)}})


def unstarted(gym: Gym) -> Attempt:
    """A case that nobody follows gets its execution."""
    return gym.invoking(Actor.RECONCILE, _ended(gym.ward.unfollowed("ordered")))


def behind(gym: Gym) -> Attempt:
    """An execution that fell behind is sent after its case."""
    row = gym.ward.parked("ordered")
    gym.ward.moved_ahead(row, "assessment_due")
    return gym.invoking(Actor.RECONCILE, _ended(row))


def overdue(gym: Gym) -> Attempt:
    """A deadline that no timer keeps is decided, and the case goes to whom it escalates to, who is on shift."""
    return gym.invoking(Actor.RECONCILE, _ended(gym.ward.overdue(gym.ward.parked("assessment_due"))))


def look_around(gym: Gym) -> Attempt:
    """The sweep looks for what is overdue or unfollowed."""
    return gym.invoking(Actor.RECONCILE, from_queue({}))


def expired(gym: Gym) -> Attempt:
    """The sweep gives up an event whose case never opened: it goes from its waiting place to quarantine."""
    waiting = gym.ward.held(gym.ward.encounter())
    gym.look_now(waiting, held_until=time.time() - 1)
    return gym.invoking(Actor.RECONCILE, from_queue({}))


def not_shown(gym: Gym) -> Attempt:
    """A case that the EMR does not show as it is, is sent to write-back again."""
    row = gym.ward.unfollowed("ordered")
    gym.ward.eventually(lambda: None if is_behind(gym.ward.alone, row) else True)
    for shown in gym.ward.connection.table.query(keys.case_pk(row.id), keys.MIRROR).items:
        gym.ward.connection.table.update(Update(Key(shown["pk"], shown["sk"]), set={"shown": 0}))
    return gym.invoking(Actor.RECONCILE, _ended(row))


def first_look(gym: Gym) -> Attempt:
    """The sweep runs in a worker that has only just begun."""
    return gym.cold(Actor.RECONCILE, look_around(gym))


# ── state machines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def times_out(gym: Gym) -> Attempt:
    """An execution's wait ends, and the deadline is to be decided."""
    return gym.executed(gym.ward.waiting("ordered", TIMER_SECONDS))


def works(gym: Gym) -> Attempt:
    """An execution comes to a state in which the system works."""
    row = gym.ward.parked("documented_unsigned")
    assert row.encounter is not None
    signed = gym.ward.next(row.encounter, "filing")
    goes_on = gym.executed(replace(row, visit=row.visit + 1))

    def attempt() -> str | None:
        gym.ward.take(signed)
        return goes_on()

    return attempt


# ── which needs what ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _on_table(verbs: str) -> Iterator[str]:
    return (f"dynamodb:{verb}" for verb in verbs.split())


def _log(actor: Actor, prepare: Callable[[Gym], Mapping[str, Any]]) -> dict[tuple[Actor, str, On], Exercise]:
    def exercise(gym: Gym) -> Attempt:
        return gym.logged(actor, prepare(gym))

    return {(actor, verb, On.OWN_LOGS): exercise for verb in ("logs:CreateLogStream", "logs:PutLogEvents")}


def _poll(actor: Actor, on: On, message: Callable[[Gym], Mapping[str, str]]) -> dict[tuple[Actor, str, On], Exercise]:
    def exercise(gym: Gym) -> Attempt:
        sqs = gym.aws.client("sqs")
        arn = str(gym.lambdas.mapping(actor)["EventSourceArn"])
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]

        def empty(_: float) -> bool:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return sum(int(left[counted]) for counted in names) == 0

        return gym.fed(actor, lambda: sqs.send_message(QueueUrl=url, **message(gym)), empty)

    return {(actor, verb, on): exercise for verb in POLLING}


def _anew(gym: Gym) -> Mapping[str, str]:
    """A message that write-back has not had yet."""
    row = gym.ward.unfollowed("ordered")
    body = json.dumps({"case": row.id, "seq": 1})
    return {"MessageBody": body, "MessageGroupId": row.id, "MessageDeduplicationId": f"{row.id}-again"}


_NOBODY = {"case": "nobody", "generation": 1, "visit": 1, "entry": 0}
"""A request about a case that does not exist: enough to be logged."""

EXERCISES: Mapping[tuple[Actor, str, On], Exercise] = {
    **_log(Actor.INTAKE, lambda _: from_queue("{")),
    **_log(Actor.FOLLOW, lambda _: {"action": "deadline", **_NOBODY}),
    **_log(Actor.WORK, lambda _: {"action": "work", "work": "file_documentation", **_NOBODY}),
    **_log(Actor.RELAY, lambda gym: from_stream(gym.entry(gym.ward.unfollowed("ordered")))),
    **_log(Actor.WRITEBACK, lambda _: from_queue({"case": "nobody", "seq": 1}, group="nobody")),
    **_log(Actor.RECONCILE, lambda _: from_queue({})),
    **dict.fromkeys(
        ((Actor.INTAKE, v, On.TABLE) for v in _on_table("GetItem Query PutItem ConditionCheckItem")), order
    ),
    (Actor.INTAKE, "dynamodb:UpdateItem", On.TABLE): move,
    (Actor.INTAKE, "dynamodb:DeleteItem", On.TABLE): order_after_event,
    (Actor.INTAKE, "states:StartExecution", On.MACHINES): order,
    (Actor.INTAKE, "states:SendTaskSuccess", On.MACHINES): move_followed,
    (Actor.INTAKE, "secretsmanager:GetSecretValue", On.HMAC_SECRET): first_order,
    (Actor.INTAKE, "kms:Decrypt", On.KEY): order,
    **_poll(Actor.INTAKE, On.EVENTS, lambda _: {"MessageBody": "{"}),
    **dict.fromkeys(
        ((Actor.FOLLOW, v, On.TABLE) for v in _on_table("GetItem Query PutItem UpdateItem ConditionCheckItem")),
        deadline,
    ),
    (Actor.FOLLOW, "states:SendTaskSuccess", On.MACHINES): late_park,
    (Actor.FOLLOW, "states:StartExecution", On.MACHINES): grown_old,
    (Actor.FOLLOW, "secretsmanager:GetSecretValue", On.HMAC_SECRET): first_deadline,
    (Actor.FOLLOW, "kms:Decrypt", On.KEY): deadline,
    **dict.fromkeys(
        ((Actor.WORK, v, On.TABLE) for v in _on_table("GetItem Query PutItem UpdateItem ConditionCheckItem")), filing
    ),
    (Actor.WORK, "secretsmanager:GetSecretValue", On.HMAC_SECRET): first_filing,
    (Actor.WORK, "kms:Decrypt", On.KEY): filing,
    **{(Actor.RELAY, verb, On.STREAM): journaled for verb in READING_A_STREAM[:-1]},
    (Actor.RELAY, "dynamodb:ListStreams", On.ANY): journaled,
    (Actor.RELAY, "sqs:SendMessage", On.RELAY_FAILURES): give_up,
    (Actor.RELAY, "sqs:SendMessage", On.WRITEBACK): pass_on,
    (Actor.RELAY, "events:PutEvents", On.BUS): pass_on,
    (Actor.RELAY, "kms:Decrypt", On.KEY): pass_on,
    (Actor.RELAY, "kms:GenerateDataKey", On.KEY): pass_on,
    **dict.fromkeys(((Actor.WRITEBACK, v, On.TABLE) for v in _on_table("GetItem UpdateItem")), mirror),
    (Actor.WRITEBACK, "dynamodb:Query", On.TABLE): check,
    (Actor.WRITEBACK, "kms:Decrypt", On.KEY): mirror,
    **_poll(Actor.WRITEBACK, On.WRITEBACK, _anew),
    **dict.fromkeys(
        ((Actor.RECONCILE, v, On.TABLE) for v in _on_table("GetItem Query PutItem ConditionCheckItem")), overdue
    ),
    (Actor.RECONCILE, "dynamodb:UpdateItem", On.TABLE): unstarted,
    (Actor.RECONCILE, "dynamodb:DeleteItem", On.TABLE): expired,
    (Actor.RECONCILE, "dynamodb:Query", On.INDEXES): look_around,
    (Actor.RECONCILE, "states:StartExecution", On.MACHINES): unstarted,
    (Actor.RECONCILE, "states:SendTaskSuccess", On.MACHINES): behind,
    (Actor.RECONCILE, "states:DescribeExecution", On.EXECUTIONS): unstarted,
    (Actor.RECONCILE, "secretsmanager:GetSecretValue", On.HMAC_SECRET): first_look,
    (Actor.RECONCILE, "sqs:SendMessage", On.WRITEBACK): not_shown,
    (Actor.RECONCILE, "kms:GenerateDataKey", On.KEY): not_shown,
    (Actor.RECONCILE, "kms:Decrypt", On.KEY): unstarted,
    **_poll(Actor.RECONCILE, On.RECONCILE, lambda _: {"MessageBody": "{}"}),
    (Actor.WORK, "states:StartExecution", On.MACHINES): ends_under_unfollowed_parent,
    (Actor.WORK, "states:SendTaskSuccess", On.MACHINES): ends_under_waiting_parent,
    (Actor.MACHINES, "lambda:InvokeFunction", On.FOLLOW): times_out,
    (Actor.MACHINES, "lambda:InvokeFunction", On.WORK): works,
}
"""Which exercise misses which permission."""


def exercise_of(grant: Grant) -> Exercise:
    """The exercise that misses a permission. Raises KeyError where nobody would: then it is not needed."""
    return EXERCISES[grant.actor, grant.verb, grant.on]
