from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('payments', '0004_stray_charges'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['created_at'], name='refund_failed_created'),
        ),
    ]
