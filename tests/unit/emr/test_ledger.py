import pytest

from functions.emr.ledger import InMemoryLedger, Ledger
from tests.unit.emr.ledger_contract import LedgerContract


class TestInMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return InMemoryLedger()
