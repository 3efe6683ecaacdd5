"""Migrations may run while the previous release still serves: no long locks, nothing that breaks it."""

import logging

import pytest
from django_migration_linter import MigrationLinter

from tests.support.image import REPOSITORY

# Before the first release there was no previous one.
BEFORE_THE_FIRST_RELEASE = ["0001_initial", "0002_order_restock_on_refund"]


@pytest.mark.django_db(transaction=True)  # concurrent index builds cannot run inside one
def test_migrations_need_no_downtime(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    linter = MigrationLinter(
        str(REPOSITORY),
        analyser_string="postgresql",
        no_cache=True,
        quiet=["ok", "ignore"],
        include_apps=["accounts", "audit", "inventory", "shipping", "payments", "cart", "checkout"],
        ignore_name=BEFORE_THE_FIRST_RELEASE,
    )
    linter.lint_all_migrations()
    assert linter.nb_total > 0
    assert linter.nb_erroneous == 0, (
        "See the linter's lines above; docs/operations.md explains how to make such a change."
    )
