from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0002_staff_permissions'),
    ]

    operations = [
        migrations.AddField(
            model_name='reservationline',
            name='unpaid',
            field=models.BooleanField(db_default=False, default=False, verbose_name='waits for the shopper to pay'),
        ),
    ]
