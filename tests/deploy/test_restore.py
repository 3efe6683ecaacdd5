"""The backup of docs/operations.md can be restored: dumped, restored elsewhere, compared."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from cart import services as carts
from config.devstack.postgres import binary
from inventory.models import Product, Stock
from tests.support.factories.inventory import ProductFactory
from tests.support.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of an empty database next to the test's; it is dropped afterwards."""
    name = f"{connection.settings_dict['NAME']}_restored"
    with psycopg.connect(at("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield at(name)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def at(database: str) -> str:
    return urlunsplit(urlsplit(database_url())._replace(path=f"/{database}"))


def contents(address: str) -> dict[str, tuple[int, str | None]]:
    """For each table of the shop: the number of rows and a fingerprint of them all."""
    with psycopg.connect(address) as there:
        tables = there.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        found = {}
        for (table,) in tables:
            query = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
            found[table] = there.execute(query.format(sql.Identifier(table))).fetchone()
    return found


def test_a_dump_can_be_restored(tmp_path: Path, empty_database: str) -> None:
    product = ProductFactory(sku="SKU-kept", stock=7)
    carts.add_line(carts.create_cart().id, "SKU-kept", 2)
    before = contents(database_url())
    backup = tmp_path / "backup.dump"

    subprocess.run([binary("pg_dump"), "--format=custom", f"--file={backup}", database_url()], check=True)
    Stock.objects.all().delete()
    restore = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={empty_database}"]
    subprocess.run([binary("pg_restore"), *restore, backup], check=True)

    assert contents(empty_database) == before
    assert before["inventory_stock"][0] == 1
    assert Product.objects.get() == product
    # Not only the rows: the constraints that keep stock and money right are restored too.
    with psycopg.connect(empty_database) as there, pytest.raises(psycopg.errors.CheckViolation):
        there.execute("UPDATE inventory_stock SET reserved = on_hand + 1")
