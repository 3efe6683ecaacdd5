from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """A mark on orders that are shipped in part; and several messages of a kind, about several parcels."""

    atomic = False  # indexes are built beside the shop's work

    dependencies = [
        ('checkout', '0021_shipments'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='partly_shipped',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('partly_shipped', True), ('status', 'shipped')), fields=['-placed_at'], name='order_partly_shipped'),
        ),
        # The wider index stands before the narrower constraint goes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'CREATE UNIQUE INDEX CONCURRENTLY outbox_once_per_order_kind_subject'
                    ' ON checkout_outboxmessage (order_id, kind, subject)',
                    'DROP INDEX CONCURRENTLY outbox_once_per_order_kind_subject',
                ),
                migrations.RunSQL(
                    'ALTER TABLE checkout_outboxmessage DROP CONSTRAINT IF EXISTS outbox_once_per_order_and_kind',
                    'ALTER TABLE checkout_outboxmessage ADD CONSTRAINT outbox_once_per_order_and_kind'
                    ' UNIQUE (order_id, kind)',
                ),
            ],
            state_operations=[
                migrations.RemoveConstraint(model_name='outboxmessage', name='outbox_once_per_order_and_kind'),
                migrations.AddConstraint(
                    model_name='outboxmessage',
                    constraint=models.UniqueConstraint('order', 'kind', 'subject', name='outbox_once_per_order_kind_subject'),
                ),
            ],
        ),
    ]
