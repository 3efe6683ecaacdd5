from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('payments', '0009_attempts_due'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='paymentattempt',
            index=models.Index(condition=models.Q(('status__in', ['started', 'unknown'])), fields=['due_at'], name='attempt_unanswered_due'),
        ),
        AddIndexConcurrently(
            model_name='paymentattempt',
            index=models.Index(condition=models.Q(('status', 'action')), fields=['due_at'], name='attempt_waiting_due'),
        ),
    ]
