from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cart', '0002_retention'),
    ]

    operations = [
        migrations.AddField(
            model_name='cart',
            name='card_declined_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last declined card'),
        ),
        migrations.AddField(
            model_name='cart',
            name='card_declines',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='declined cards'),
        ),
    ]
