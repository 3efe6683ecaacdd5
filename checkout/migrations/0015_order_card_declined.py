from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations, models
from django.db.models.functions import Lower


def mark_declined(_apps: Any, _schema_editor: Any) -> None:
    """The declines that still count. Those that the release before writes from here on are not counted by person."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE checkout_order SET card_declined = true FROM payments_payment AS payment
            WHERE checkout_order.status = 'cancelled' AND checkout_order.placed_at > now() - interval '7 days'
            AND payment.id = checkout_order.payment_id AND payment.status = 'failed' AND payment.method = 'card'
            """
        )


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0014_card_declines'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='card_declined',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RunPython(mark_declined, migrations.RunPython.noop, elidable=True),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(
                Lower('email'), condition=models.Q(('card_declined', True)), name='order_declined_by_email'
            ),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(
                fields=['user'], condition=models.Q(('card_declined', True)), name='order_declined_by_user'
            ),
        ),
        RemoveIndexConcurrently(model_name='order', name='order_cancelled_by_email'),
    ]
