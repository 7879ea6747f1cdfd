"""What Baton takes for granted of the table, its stream, queues and Step Functions, as tests for every implementation to pass.

Each contract is a test class with a fixture for what is under test. Who inherits it: tests/integration for what is in this
process (the table in memory, the simulation's services, those of the crash harness, moto), tests/stack/aws for the embedded
AWS. Where a service may behave in several ways, the class says which are allowed; where the embedded AWS is known to differ
from AWS, the test says what AWS does, and the others are held to that.
"""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in ("table", "stream", "queues", "executions")))
