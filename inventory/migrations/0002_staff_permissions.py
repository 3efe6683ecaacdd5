from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='stock',
            options={'permissions': [('adjust_stock', 'Can say how many there are'), ('export_stock', 'Can export the stock')], 'verbose_name': 'stock', 'verbose_name_plural': 'stock'},
        ),
    ]
