from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('payments', '0013_money_after_the_sale'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(condition=models.Q(('status__in', ['started', 'pending', 'unknown'])), fields=['created_at'], name='refund_open_created'),
        ),
        RemoveIndexConcurrently(model_name='refund', name='refund_unsettled_created'),
        ValidateConstraint(model_name='payment', name='payment_status_known'),
        ValidateConstraint(model_name='refund', name='refund_status_known'),
    ]
