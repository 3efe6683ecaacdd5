"""PostgreSQL prepares repeated statements once a connection, except behind a pooler, which cannot keep them."""

import pytest
from django.db import connection

from inventory.models import Product

pytestmark = pytest.mark.django_db


def test_a_repeated_statement_is_prepared() -> None:
    for number in range(5):
        assert not Product.objects.filter(sku=f"nothing-{number}").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        statements = [statement for (statement,) in cursor.fetchall()]
    assert any('"inventory_product"."sku" = $' in statement for statement in statements)
