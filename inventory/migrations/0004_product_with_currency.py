from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('inventory', '0003_holds_unpaid'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'CREATE UNIQUE INDEX CONCURRENTLY product_with_currency ON inventory_product (id, currency)',
                    'DROP INDEX CONCURRENTLY product_with_currency',
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='product',
                    constraint=models.UniqueConstraint(models.F('id'), models.F('currency'), name='product_with_currency'),
                ),
            ],
        ),
    ]
