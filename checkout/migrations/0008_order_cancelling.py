from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # the rows are checked beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0007_order_of_a_key'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='order', name='order_status_is_known'),
        migrations.AlterField(
            model_name='order',
            name='status',
            field=models.CharField(choices=[('awaiting_payment', 'awaiting payment'), ('paid', 'paid'), ('shipped', 'shipped'), ('delivered', 'delivered'), ('cancelling', 'being cancelled'), ('cancelled', 'cancelled'), ('refunded', 'refunded')], default='awaiting_payment', max_length=16, verbose_name='status'),
        ),
        AddConstraintNotValid(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['awaiting_payment', 'paid', 'shipped', 'delivered', 'cancelling', 'cancelled', 'refunded'])), name='order_status_is_known'),
        ),
        ValidateConstraint(model_name='order', name='order_status_is_known'),
    ]
