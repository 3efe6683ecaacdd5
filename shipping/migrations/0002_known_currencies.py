import config.form_fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipping', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='shippingrate',
            name='currency',
            field=models.CharField(default='BRL', max_length=3, validators=[config.form_fields.check_currency], verbose_name='currency'),
        ),
        AddConstraintNotValid(
            model_name='shippingrate',
            constraint=models.CheckConstraint(condition=models.Q(('currency__in', ('ARS', 'BRL', 'EUR', 'GBP', 'MXN', 'USD', 'UYU'))), name='shipping_rate_currency_is_known'),
        ),
    ]
