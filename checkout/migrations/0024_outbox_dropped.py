from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0023_policies'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboxmessage',
            name='dropped',
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name='not sent'),
        ),
    ]
