"""Finds what can be taken away, in the syntax tree: a guard that is added later is found without being listed.

In every module of ``functions``: each condition of a write, to the table or to an EMR, each ``NEW``, each ``Check``, each event
mark, each mark by which a repetition is known, and each count in a case's lock. In the modules that guard cases, the ledger and
the EMR also: every rule (``if``), every part of a rule that has several, every handler of a lost race or a repetition, and every
call that is there for its effect (settling on duplicates is one). In the stack: every dead-letter queue, limit and delivery.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.mutation.kinds import kind_of
from tests.mutation.mutation import Edit, Mutation

WITHOUT_GUARDS: Final = frozenset(
    f"functions/cases/{name}.py"
    for name in ("keys", "library", "lifespan", "outcome", "ports", "rows", "table", "telemetry", "wiring")
)
"""Modules of the use cases that only say what there is."""

GUARDING: Final = (
    "functions/emr/filing.py",
    "functions/emr/ledger.py",
    "functions/emr/ordering.py",
    "functions/emr/sync.py",
    "functions/emr/table_ledger.py",
    "functions/reconcile/handler.py",
    "functions/relay/handler.py",
    "functions/relay/outlets.py",
    "functions/writeback/bring.py",
)
"""Where every rule counts, besides the use cases."""


def is_guarding(file: str) -> bool:
    """Whether every rule of a module counts; a use case that is added later does."""
    folder, _, _ = file.rpartition("/")
    return file in GUARDING or (folder == "functions/cases" and file not in WITHOUT_GUARDS)


WITHOUT_DELIVERY: Final = frozenset(
    f"cdk/{name}.py"
    for name in (
        "app",
        "bundling",
        "dashboard",
        "parts",
        "series",
        "widgets",
        "grants",
        "imports",
        "names",
        "published",
        "synth",
        "target",
    )
)
"""Modules of the stack that make nothing that delivers or stores; one that is added later is looked at."""


def is_delivering(file: str) -> bool:
    """Whether a module makes part of the stack."""
    return file.startswith("cdk/") and file not in WITHOUT_DELIVERY


DELIVERY: Final = frozenset(
    [
        "bisect_batch_on_function_error",
        "conditions",
        "dead_letter_config",
        "dead_letter_queue",
        "deduplication_scope",
        "deletion_protection",
        "destination_config",
        "enable_key_rotation",
        "encryption",
        "encryption_key",
        "encryption_master_key",
        "enforce_ssl",
        "fifo",
        "fifo_throughput_limit",
        "filter_criteria",
        "function_response_types",
        "kms_key_id",
        "kms_key_identifier",
        "master_key",
        "max_concurrency",
        "maximum_record_age_in_seconds",
        "maximum_retry_attempts",
        "point_in_time_recovery_specification",
        "policy",
        "removal_policy",
        "report_batch_item_failures",
        "retention_period",
        "retry_policy",
        "stream",
        "time_to_live_attribute",
        "visibility_timeout",
        "treat_missing_data",
    ]
)
"""What a queue, a rule, a bus, a mapping, an alarm or the table may be given so that nothing is lost, or read by others."""

FENCES: Final = frozenset(
    [
        "arrived",
        "attempt",
        "closed_at",
        "done_at",
        "duplicate",
        "early",
        "ended_at",
        "entry",
        "failed",
        "generation",
        "held",
        "held_by",
        "held_until",
        "is_held",
        "landed",
        "merged_at",
        "MERGED_INTO",
        "open",
        "order",
        "owed",
        "park",
        "parked_visit",
        "place",
        "redriven_at",
        "refused",
        "resumed_at",
        "returns",
        "rev",
        "revision",
        "rewaits",
        "seen",
        "seq",
        "shown",
        "status",
        "superseded",
        "taken",
        "times",
        "tried_at",
        "undertaking",
        "version",
        "visit",
    ]
)
"""What rules are about that tell a newer from an older, one from its repetition, or whose turn it is."""

RULES: Final = frozenset(
    f"functions/{name}.py"
    for name in [
        "cases/course",
        "cases/early",
        "cases/leftover",
        "cases/merging",
        "cases/rerouting",
        "cases/sweep",
        "cases/undertakings",
        "emr/ledger",
        "emr/table_ledger",
    ]
)
"""Where each rule is one of these."""

FAULTS: Final = frozenset({"AssertionError", "LookupError", "RuntimeError", "TypeError", "ValueError"})
"""A rule that only raises one of these says what is wrong with the program; without it, something else raises."""


def discovered(root: Path) -> list[Mutation]:
    """Every mutation there is to find, in the order of files and lines."""
    found: list[Mutation] = []
    for path in sorted(Path(root, "functions").rglob("*.py")):
        found.extend(_in(root, path.relative_to(root).as_posix()))
    for path in sorted(Path(root, "cdk").glob("*.py")):
        if is_delivering(path.relative_to(root).as_posix()):
            found.extend(_in(root, path.relative_to(root).as_posix()))
    return [replace(each, kind=kind_of(each.file, each.function, each.what)) for each in _named_once(found)]


def _in(root: Path, file: str) -> list[Mutation]:
    source = Path(root, file).read_bytes()
    finder = _Delivery(file, source) if is_delivering(file) else _Guards(file, source)
    finder.visit(ast.parse(source))
    return finder.found


def _named_once(found: Sequence[Mutation]) -> list[Mutation]:
    """The second of the same words in a function is called #2."""
    times: dict[str, int] = {}
    named: list[Mutation] = []
    for each in found:
        times[each.name] = times.get(each.name, 0) + 1
        number = times[each.name]
        what = each.what if number == 1 else f"{each.what} #{number}"
        named.append(replace(each, what=what))
    return named


def _name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return None


def _called(node: ast.AST) -> str | None:
    return _name(node.func) if isinstance(node, ast.Call) else None


class _Finder(ast.NodeVisitor):
    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.found: list[Mutation] = []
        self._within: list[str] = []
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self.source[self._start(node) : self._end(node)].decode()

    def _without(
        self,
        what: str,
        node: ast.expr | ast.stmt,
        text: str,
        *,
        until: ast.stmt | None = None,
        wide: bool = False,
        about: str = "",
    ) -> None:
        edit = Edit(self._start(node), self._end(until or node), text)
        function = ".".join(self._within) or "module"
        self.found.append(Mutation(self.file, function, what, node.lineno, (edit,), wide, about=about))

    def _drop_keyword(self, call: ast.Call, keyword: ast.keyword) -> None:
        """With the comma after it, or before it when it is the last."""
        start, end = self._lines[keyword.lineno - 1] + keyword.col_offset, self._end(keyword.value)
        rest = self.source[end : self._end(call)]
        following = rest.lstrip()
        if following.startswith(b","):
            end += len(rest) - len(following) + 1
        else:
            start = self.source.rindex(b",", 0, start) if b"," in self.source[self._start(call) : start] else start
        what = f"{_called(call)} without {keyword.arg}"
        edit = Edit(start, end, "")
        self.found.append(Mutation(self.file, ".".join(self._within) or "module", what, call.lineno, (edit,)))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._in_named(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._in_named(node)

    def _in_named(self, node: ast.ClassDef | ast.FunctionDef) -> None:
        self._within.append(node.name)
        for each in node.body:
            self.visit(each)
        self._within.pop()


def _words(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 100 else words[:97] + "..."


class _Guards(_Finder):
    def __init__(self, file: str, source: bytes) -> None:
        super().__init__(file, source)
        self._everything = is_guarding(file)
        tree = ast.parse(source)
        self._conditions = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and _called(node.value) == "Condition"
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def _is_guard(self, node: ast.expr) -> bool:
        return _called(node) in ("Condition", "Check") or (isinstance(node, ast.Name) and node.id in self._conditions)

    # ── in every module ──────────────────────────────────────────────────────────────────────────────────────────────────

    def visit_Tuple(self, node: ast.Tuple) -> None:
        guards = [each for each in node.elts if self._is_guard(each)]
        for guard in guards:
            rest = [self._text(each) for each in node.elts if each is not guard]
            self._without(f"no {_words(guard)}", node, f"({', '.join(rest)}{',' if len(rest) == 1 else ''})")
        if len(guards) > 1 and len(guards) == len(node.elts):
            self._without(f"none of {_words(node)}", node, "()")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "NEW" and isinstance(node.ctx, ast.Load):
            self._without("no NEW", node, "()")

    def visit_Call(self, node: ast.Call) -> None:
        called = _called(node)
        if called == "marked":
            self._without(f"no {_words(node)}", node, "()")
        if called == "also" and isinstance(node.func, ast.Attribute):
            for each in node.args:
                rest = [self._text(other) for other in node.args if other is not each]
                self._without(f"no {_words(each)}", node, f"{self._text(node.func)}({', '.join(rest)})")
        if called == "suppress":
            self._without(f"no {_words(node)}", node, "suppress()")
        if called == "kept" and not node.args:
            self._without(f"no {_words(node)}", node, "__import__('contextlib').nullcontext()")
        for keyword in node.keywords:
            if keyword.arg == "mark" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None):
                self._without(f"{called}: nobody looks at the mark", keyword.value, "None")
            if keyword.arg == "add" and isinstance(keyword.value, ast.Dict):
                counts = [k for k in keyword.value.keys if isinstance(k, ast.Constant) and k.value == "rev"]
                if counts:
                    pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
                    rest = [f"{self._text(k)}: {self._text(v)}" for k, v in pairs if k is not None and k not in counts]
                    self._without("not counted in the lock", keyword.value, "{" + ", ".join(rest) + "}")
            if keyword.arg in ("if_match", "if_none_exist"):
                self._without(f"{called}: not {keyword.arg}", keyword.value, "None")
            if keyword.arg in ("held", "fresh", "check") and self._everything:
                self._without(f"{called}: not {keyword.arg}", keyword.value, "False")
        self.generic_visit(node)

    # ── where every rule counts ──────────────────────────────────────────────────────────────────────────────────────────

    def visit_If(self, node: ast.If) -> None:
        if self._everything and not _only_a_fault(node):
            what = f"never: {_words(node.test)}"
            self._without(what, node.test, "False", wide=self._is_wide(node.test), about=_mends(node.body))
        self.generic_visit(node)

    def _is_wide(self, node: ast.expr) -> bool:
        named = {_name(each) for each in ast.walk(node) if isinstance(each, (ast.Name, ast.Attribute))}
        quoted = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
        return self.file not in RULES and not FENCES & (named | quoted)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        if self._everything:
            word = " and " if isinstance(node.op, ast.And) else " or "
            is_default = isinstance(node.op, ast.Or) and isinstance(node.values[-1], ast.Constant)
            for each in node.values:
                rest = word.join(self._enclosed(other) for other in node.values if other is not each)
                what = f"not asked: {_words(each)} (of {_words(node)})"
                self._without(what, node, f"({rest})", wide=is_default or _is_there(each) or self._is_wide(each))
        self.generic_visit(node)

    def _enclosed(self, node: ast.expr) -> str:
        return f"({self._text(node)})"

    def visit_IfExp(self, node: ast.IfExp) -> None:
        if self._everything:
            for branch, word in ((node.body, "always"), (node.orelse, "never")):
                what = f"{word}: {_words(node.test)} (of {_words(node)})"
                wide = _is_there(node.test) or self._is_wide(node.test)
                lost = node.orelse if branch is node.body else node.body
                self._without(what, node, self._enclosed(branch), wide=wide, about=_mends([lost]))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if self._everything:
            for condition in node.ifs:
                wide = _is_there(condition) or self._is_wide(condition)
                self._without(f"whether or not: {_words(condition)}", condition, "True", wide=wide)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        called = _called(node.value)
        if self._everything and called not in (None, "__init__") and not _words(node.value).startswith("logger."):
            wide = called in ("append", "add", "extend", "emit")
            self._without(f"not done: {_words(node.value)}", node, "pass", wide=wide)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if self._everything and not (isinstance(node.body[0], ast.Raise) and node.body[0].exc is None):
            kind = _words(node.type) if node.type is not None else "anything"
            self._without(f"not answered: {kind}", node.body[0], "raise", until=node.body[-1])
        self.generic_visit(node)


def _is_there(node: ast.expr) -> bool:
    """Whether it only asks for None, which the rest of the rule could not do with anyhow."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        and isinstance(node.comparators[0], ast.Constant)
        and node.comparators[0].value is None
    )


def _mends(body: Sequence[ast.AST]) -> str:
    """What a rule of the sweep says that it mended, where it says so."""
    said = {
        each.attr.lower()
        for statement in body
        for each in ast.walk(statement)
        if isinstance(each, ast.Attribute) and _name(each.value) == "Mended" and each.attr != "NOTHING"
    }
    return ", ".join(sorted(said))


def _only_a_fault(node: ast.If) -> bool:
    if node.orelse or not isinstance(node.body[-1], ast.Raise):
        return False
    raised = node.body[-1].exc
    return raised is not None and (_called(raised) or _name(raised)) in FAULTS


class _Delivery(_Finder):
    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg in DELIVERY:
                self._drop_keyword(node, keyword)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        called = _called(node.value)
        if called is not None and called != "__init__":
            self._without(f"not done: {_words(node.value)}", node, "pass")
        self.generic_visit(node)


def parses(mutation: Mutation, root: Path) -> bool:
    """Whether what is left is Python at all."""
    try:
        ast.parse(mutation.source(root))
    except SyntaxError:
        return False
    return True
