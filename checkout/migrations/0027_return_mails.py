
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0026_mails_of_payments'),
    ]

    operations = [
        migrations.AlterField(
            model_name='outboxmessage',
            name='kind',
            field=models.CharField(choices=[('payment_waits', 'Pix code'), ('payment_expired', 'time to pay is over'), ('payment_failed', 'payment failed'), ('paid_too_late', 'paid too late'), ('confirmation', 'order confirmation'), ('new_order', 'notice to staff of a new order'), ('order_cancelled', 'order cancelled'), ('refund_begun', 'refund on its way'), ('refund_paid', 'refund paid'), ('refund_failed', 'refund failed'), ('parcel_posted', 'parcel sent'), ('parcel_delivered', 'parcel delivered'), ('parcel_undelivered', 'parcel not delivered'), ('parcel_returned', 'parcel sent back to the shop'), ('return_asked', 'return received'), ('return_answered', 'answer about a return'), ('refund_due', 'refund of money that arrived too late')], max_length=20, verbose_name='kind'),
        ),
    ]
