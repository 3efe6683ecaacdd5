from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0009_order_network'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('network', ''), _negated=True), fields=['network'], name='order_of_network'),
        ),
    ]
