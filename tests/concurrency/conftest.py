"""Races end in the same balance as faults."""

from tests.faults.conftest import books, mails, session_mails

__all__ = ["books", "mails", "session_mails"]
