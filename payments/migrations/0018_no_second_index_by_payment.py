from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is dropped beside the shop's work, not in its way

    dependencies = [
        ('payments', '0017_webhook_set_aside'),
    ]

    operations = [
        # refund_key_unique serves it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'DROP INDEX CONCURRENTLY IF EXISTS payments_refund_payment_id_a70693f7',
                    'CREATE INDEX CONCURRENTLY payments_refund_payment_id_a70693f7 ON payments_refund (payment_id)',
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='refund',
                    name='payment',
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name='refunds',
                        to='payments.payment',
                        verbose_name='payment',
                    ),
                ),
            ],
        ),
    ]
