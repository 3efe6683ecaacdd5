from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):

    atomic = False  # an index is built beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0013_retention'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(
                Lower('email'),
                models.F('placed_at'),
                condition=models.Q(('status', 'cancelled')),
                name='order_cancelled_by_email',
            ),
        ),
    ]
