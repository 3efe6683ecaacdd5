import config.form_fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0004_product_with_currency'),
    ]

    operations = [
        migrations.AlterField(
            model_name='product',
            name='currency',
            field=models.CharField(default='BRL', max_length=3, validators=[config.form_fields.check_currency], verbose_name='currency'),
        ),
        AddConstraintNotValid(
            model_name='product',
            constraint=models.CheckConstraint(condition=models.Q(('currency__in', ('ARS', 'BRL', 'EUR', 'GBP', 'MXN', 'USD', 'UYU'))), name='product_currency_is_known'),
        ),
    ]
