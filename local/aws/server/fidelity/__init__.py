"""The fidelity layer: where MiniStack 1.5.33 differs from AWS in what Baton relies on, one wrapper per difference.

A wrapper is a module named for AWS's behaviour, with a function `apply` that replaces names in MiniStack's own
modules; those are looked up at run time, so the replacement takes effect wherever they are called. Each has a test in
`tests/stack/aws` which states AWS's behaviour and fails without it. The order is the order of application: a later
wrapper is the outer one.
"""

from __future__ import annotations

import importlib

WRAPPERS = (
    # Step Functions
    "timeout_seconds_path",
    "callback_fails_with_its_lambda",
    "new_token_per_attempt",
    "closed_token_times_out",
    "task_token_names_its_machine",
    "same_start_is_idempotent",
    "missing_path_fails",
    "runtime_errors_are_never_caught",
    "retry_delays",
    "stopped_execution_stops",
    "context_object",
    "execution_role_invokes",
    "throttled_task_says_so",
    "token_outlives_a_restart",
    "execution_lost_in_a_restart_says_so",
    # Lambda
    "environment_of_a_function",
    "error_type_is_the_exception",
    "every_printed_line_is_logged",
    "embedded_metrics",
    "logging_needs_permission",
    # Event source mappings
    "fifo_groups_run_side_by_side",
    "unreadable_batch_response_fails_the_batch",
    "stream_mapping_retries_and_bisects",
    "mapping_polls_as_its_role",
    # DynamoDB
    "stream_outlives_a_restart",
    # EventBridge
    "rule_invokes_with_retries",
    "rule_target_needs_permission",
    # IAM
    "leading_keys",
    "event_source_conditions",
    "loopback_counts_as_tls",
    "encryption_needs_the_key",
    # CloudFormation
    "table_properties_of_a_template",
    "reserved_concurrency_of_a_template",
)


class UnknownWrapperError(ValueError):
    """A name that no wrapper has."""


def apply(without: frozenset[str] = frozenset()) -> None:
    """Apply every wrapper but those in `without`. Raises UnknownWrapperError for a name that is not one."""
    unknown = without - set(WRAPPERS)
    if unknown:
        raise UnknownWrapperError(f"no such wrapper: {', '.join(sorted(unknown))}; there are: {', '.join(WRAPPERS)}")
    for name in WRAPPERS:
        if name not in without:
            importlib.import_module(f"{__name__}.{name}").apply()
