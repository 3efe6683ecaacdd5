from django.db import migrations, models

import config.db.constraints


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0010_orders_of_a_network'),
        ('inventory', '0004_product_with_currency'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'CREATE UNIQUE INDEX CONCURRENTLY order_with_currency ON checkout_order (id, currency)',
                    'DROP INDEX CONCURRENTLY order_with_currency',
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='order',
                    constraint=models.UniqueConstraint(models.F('id'), models.F('currency'), name='order_with_currency'),
                ),
            ],
        ),
        # NULL: the release that is being replaced goes on writing rows without it.
        migrations.AddField(
            model_name='orderline',
            name='currency',
            field=models.CharField(editable=False, max_length=3, null=True, verbose_name='currency'),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=config.db.constraints.SameAsRelated(
                fields=('currency',), name='order_line_in_currency_of_order', relation='order'
            ),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=config.db.constraints.SameAsRelated(
                fields=('currency',), name='order_line_in_currency_of_product', relation='product'
            ),
        ),
    ]
