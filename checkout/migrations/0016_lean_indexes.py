from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import checkout.models


def drop_index(name: str, table: str, column: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f'DROP INDEX CONCURRENTLY IF EXISTS {name}', f'CREATE INDEX CONCURRENTLY {name} ON {table} ({column})'
    )


def drop_foreign_key(name: str, column: str, other: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f'ALTER TABLE checkout_orderline DROP CONSTRAINT IF EXISTS {name}',
        f'ALTER TABLE checkout_orderline ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {other} (id)'
        ' DEFERRABLE INITIALLY DEFERRED NOT VALID',
    )


class Migration(migrations.Migration):
    """Each index and foreign key that another one implies goes: an order paid for them."""

    atomic = False  # an index is built and dropped beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0015_order_card_declined'),
    ]

    operations = [
        # One index for an order's number: equality and its beginning.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'CREATE UNIQUE INDEX CONCURRENTLY order_number_unique'
                    ' ON checkout_order (number varchar_pattern_ops)',
                    'DROP INDEX CONCURRENTLY order_number_unique',
                ),
                migrations.RunSQL(
                    'ALTER TABLE checkout_order DROP CONSTRAINT IF EXISTS checkout_order_number_key',
                    'ALTER TABLE checkout_order ADD CONSTRAINT checkout_order_number_key UNIQUE (number)',
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='order',
                    name='number',
                    field=models.CharField(
                        default=checkout.models.new_number,
                        editable=False,
                        max_length=10,
                        verbose_name='order number',
                    ),
                ),
                migrations.AddConstraint(
                    model_name='order',
                    constraint=models.UniqueConstraint(
                        fields=('number',), name='order_number_unique', opclasses=['varchar_pattern_ops']
                    ),
                ),
            ],
        ),
        # order_of_user, order_line_once_per_product, outbox_once_per_order_and_kind, idempotency_key_once_per_cart
        migrations.SeparateDatabaseAndState(
            database_operations=[
                drop_index('checkout_order_user_id_6420a551', 'checkout_order', 'user_id'),
                drop_index('checkout_orderline_order_id_e794e82c', 'checkout_orderline', 'order_id'),
                drop_index('checkout_outboxmessage_order_id_5b671ae1', 'checkout_outboxmessage', 'order_id'),
                drop_index('checkout_idempotencykey_cart_id_6d60a599', 'checkout_idempotencykey', 'cart_id'),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='order',
                    name='user',
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name='orders',
                        to=settings.AUTH_USER_MODEL,
                        verbose_name='user',
                    ),
                ),
                migrations.AlterField(
                    model_name='outboxmessage',
                    name='order',
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name='messages',
                        to='checkout.order',
                        verbose_name='order',
                    ),
                ),
                migrations.AlterField(
                    model_name='idempotencykey',
                    name='cart',
                    field=models.ForeignKey(
                        db_index=False, on_delete=models.CASCADE, related_name='+', to='cart.cart'
                    ),
                ),
            ],
        ),
        # A line refers to order and product together with its currency, which is never missing any more.
        AddConstraintNotValid(
            model_name='orderline',
            constraint=models.CheckConstraint(
                condition=models.Q(('currency__isnull', False)), name='order_line_has_currency'
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                drop_foreign_key(
                    'checkout_orderline_order_id_e794e82c_fk_checkout_order_id', 'order_id', 'checkout_order'
                ),
                drop_foreign_key(
                    'checkout_orderline_product_id_0f83099d_fk_inventory_product_id', 'product_id', 'inventory_product'
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='orderline',
                    name='order',
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name='lines',
                        to='checkout.order',
                        verbose_name='order',
                    ),
                ),
                migrations.AlterField(
                    model_name='orderline',
                    name='product',
                    field=models.ForeignKey(
                        db_constraint=False,
                        on_delete=models.PROTECT,
                        related_name='+',
                        to='inventory.product',
                        verbose_name='product',
                    ),
                ),
            ],
        ),
    ]
