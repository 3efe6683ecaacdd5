from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is dropped beside the shop's work, not in its way

    dependencies = [
        ('cart', '0003_card_declines'),
    ]

    operations = [
        # cart_line_once_per_product serves it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'DROP INDEX CONCURRENTLY IF EXISTS cart_cartline_cart_id_c7b9981e',
                    'CREATE INDEX CONCURRENTLY cart_cartline_cart_id_c7b9981e ON cart_cartline (cart_id)',
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='cartline',
                    name='cart',
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name='lines',
                        to='cart.cart',
                        verbose_name='cart',
                    ),
                ),
            ],
        ),
    ]
