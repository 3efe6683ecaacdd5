from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('payments', '0018_no_second_index_by_payment'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(Coalesce('asked_at', 'created_at'), condition=models.Q(('status__in', ['started', 'unknown'])), name='refund_unanswered_asked'),
        ),
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(Coalesce('asked_at', 'created_at'), condition=models.Q(('status', 'pending')), name='refund_pending_asked'),
        ),
    ]
