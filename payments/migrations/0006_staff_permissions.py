from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0005_refunds_failed'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='payment',
            options={'ordering': ['-created_at'], 'permissions': [('export_payment', 'Can export payments')], 'verbose_name': 'payment', 'verbose_name_plural': 'payments'},
        ),
        migrations.AlterModelOptions(
            name='refund',
            options={'ordering': ['-created_at'], 'permissions': [('export_refund', 'Can export refunds')], 'verbose_name': 'refund', 'verbose_name_plural': 'refunds'},
        ),
    ]
