from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0004_orders_by_paid'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='order',
            options={'ordering': ['-placed_at'], 'permissions': [('ship_order', 'Can mark orders as shipped and delivered'), ('cancel_order', 'Can cancel orders that are not paid'), ('refund_order', 'Can refund orders, and cancel paid ones'), ('ask_provider', 'Can ask the provider about a payment'), ('resend_mail', 'Can have mails sent again'), ('see_as_shopper', "Can open the shopper's page of an order"), ('export_order', 'Can export orders')], 'verbose_name': 'order', 'verbose_name_plural': 'orders'},
        ),
    ]
