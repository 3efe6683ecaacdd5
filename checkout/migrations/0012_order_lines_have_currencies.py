from typing import Any

from django.contrib.postgres.operations import ValidateConstraint
from django.db import connection, migrations

BATCH = 20_000


def fill_in(_apps: Any, _schema_editor: Any) -> None:
    """The currency of what was sold before, batch by batch, each in its own transaction.

    A line whose product has been given another currency since keeps NULL: nothing can be said about it any more.
    """
    with connection.cursor() as cursor:
        cursor.execute('SELECT COALESCE(MAX(id), 0) FROM checkout_orderline')
        last = cursor.fetchone()[0]
        for first in range(0, last + 1, BATCH):
            cursor.execute(
                """
                UPDATE checkout_orderline AS line SET currency = placed.currency
                FROM checkout_order AS placed, inventory_product AS product
                WHERE line.id >= %s AND line.id < %s AND line.currency IS NULL
                AND placed.id = line.order_id AND product.id = line.product_id AND product.currency = placed.currency
                """,
                [first, first + BATCH],
            )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('checkout', '0011_order_line_currency'),
    ]

    operations = [
        migrations.RunPython(fill_in, migrations.RunPython.noop, elidable=True),
        ValidateConstraint('orderline', name='order_line_in_currency_of_order'),
        ValidateConstraint('orderline', name='order_line_in_currency_of_product'),
    ]
