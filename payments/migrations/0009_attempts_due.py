from datetime import timedelta

from django.db import migrations, models
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0008_unmatched_charges'),
    ]

    operations = [
        migrations.AddField(
            model_name='paymentattempt',
            name='due_at',
            # The previous release does not write it: its attempts are due a minute after they start, as with that release.
            field=models.DateTimeField(db_default=CombinedExpression(Now(), '+', models.Value(timedelta(seconds=60))), editable=False, verbose_name='next asked about'),
        ),
    ]
