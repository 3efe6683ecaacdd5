"""Fixtures of every fault test: the provider, a mail server, and the balance to check at the end."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from tests.support import balance_table
from tests.support.balance import Balance, shelves
from tests.support.mail_sink import MailSink
from tests.support.sandbox import Sandbox, close_breakers

MAX_CHARGES = 200


class Books:
    """The balance of the whole shop: `open` once the stock is in place, `check` at the end."""

    def __init__(self, sandbox: Sandbox, mails: MailSink, add_row: Callable[[str, object], None]) -> None:
        self._sandbox, self._mails, self._add_row = sandbox, mails, add_row
        self._at_start: dict[int, int] = {}

    def open(self) -> None:
        self._at_start = shelves()

    def taken(self, *, at_rest: bool = True) -> Balance:
        """Charge by charge too, unless there are so many that their sum must do."""
        ledger = self._sandbox.ledger()
        charges = self._sandbox.charges() if ledger["charged_orders"] <= MAX_CHARGES else []
        return Balance.taken(ledger, self._at_start, self._mails.by_order(), charges=charges, at_rest=at_rest)

    def check(self, fault: str, runs: int, *, at_rest: bool = True) -> Balance:
        """Assert that everything balances, and add a row to the table. `runs`: how often `fault` was injected."""
        books = self.taken(at_rest=at_rest)
        self._add_row(balance_table.ROW, balance_table.row_of(fault, runs, books))
        assert books.problems == ()
        return books


@pytest.fixture(scope="session")
def session_mails() -> Iterator[MailSink]:
    sink = MailSink()
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def mails(session_mails: MailSink, settings: Any) -> MailSink:
    """A real mail server, empty, with the settings pointing at it."""
    session_mails.forget()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", session_mails.port
    return session_mails


@pytest.fixture
def books(sandbox: Sandbox, mails: MailSink, record_property: Callable[[str, object], None]) -> Books:
    return Books(sandbox, mails, record_property)


@pytest.fixture
def move_clocks(sandbox: Sandbox) -> Iterator[Callable[[float], None]]:
    """Moves the clocks of this process and of the provider forward together, for tests in which the provider's records
    must age too and `pass_time` is not enough."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:

        def forward(seconds: float) -> None:
            traveller.shift(seconds)
            sandbox.advance_clock(seconds)
            close_breakers()

        yield forward
