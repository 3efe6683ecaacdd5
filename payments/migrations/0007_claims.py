from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0006_staff_permissions'),
    ]

    operations = [
        migrations.AddField(
            model_name='refund',
            name='asked_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last asked about'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='claimed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='taken in hand'),
        ),
    ]
