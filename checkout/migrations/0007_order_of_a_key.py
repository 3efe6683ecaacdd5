from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0006_orders_cancelled'),
    ]

    operations = [
        # The default is the database's too: the release that is being replaced goes on writing rows without it.
        migrations.AddField(
            model_name='idempotencykey',
            name='order_number',
            field=models.CharField(blank=True, db_default='', default='', max_length=10),
        ),
    ]
