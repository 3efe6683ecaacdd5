import django.db.models.deletion
import django.utils.timezone
from decimal import Decimal

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0012_reconcile_cursors'),
    ]

    operations = [
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider_reference', models.CharField(max_length=255, unique=True, verbose_name='provider reference')),
                ('reason', models.CharField(max_length=64, verbose_name='reason')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=12, verbose_name='amount')),
                ('withdrawn', models.DecimalField(decimal_places=2, default=Decimal('0.00'), max_digits=12, verbose_name='withdrawn')),
                ('status', models.CharField(choices=[('warning', 'warning'), ('needs_response', 'needs a response'), ('under_review', 'under review'), ('won', 'won'), ('lost', 'lost'), ('closed', 'closed')], max_length=16, verbose_name='status')),
                ('due_by', models.DateTimeField(blank=True, null=True, verbose_name='evidence due by')),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='opened at')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
                ('note', models.CharField(blank=True, default='', max_length=200, verbose_name='what was done')),
            ],
            options={
                'verbose_name': 'dispute',
                'verbose_name_plural': 'disputes',
                'ordering': ['-opened_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='payment',
            name='payment_status_known',
        ),
        migrations.RemoveConstraint(
            model_name='refund',
            name='refund_status_known',
        ),
        migrations.AddField(
            model_name='refund',
            name='by_hand',
            field=models.BooleanField(db_default=False, default=False, verbose_name='paid by hand'),
        ),
        migrations.AddField(
            model_name='refund',
            name='restock',
            field=models.BooleanField(blank=True, null=True, verbose_name='goods go back on the shelf once refunded'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='due at'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='looks_foreign',
            field=models.BooleanField(db_default=False, default=False, verbose_name="looks like another application's"),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='set_aside',
            field=models.CharField(blank=True, choices=[('unknown_type', 'of a type that this release does not know'), ('not_ours', 'about no payment of this shop')], db_default='', default='', max_length=16, verbose_name='set aside'),
        ),
        migrations.AlterField(
            model_name='payment',
            name='status',
            field=models.CharField(choices=[('pending', 'pending'), ('paid', 'paid'), ('failed', 'failed'), ('cancelled', 'cancelled'), ('partially_refunded', 'partially refunded'), ('disputed', 'disputed'), ('refunded', 'refunded')], default='pending', max_length=20, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='refund',
            name='status',
            field=models.CharField(choices=[('started', 'started'), ('pending', 'pending at the provider'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('unknown', 'unknown')], default='started', max_length=10, verbose_name='status'),
        ),
        AddConstraintNotValid(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'paid', 'failed', 'cancelled', 'partially_refunded', 'disputed', 'refunded'])), name='payment_status_known'),
        ),
        AddConstraintNotValid(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['started', 'pending', 'succeeded', 'failed', 'unknown'])), name='refund_status_known'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='attempt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='payments.paymentattempt', verbose_name='attempt'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='payments.payment', verbose_name='payment'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('status__in', ['warning', 'needs_response', 'under_review'])), fields=['due_by'], name='dispute_open_due'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['warning', 'needs_response', 'under_review', 'won', 'lost', 'closed'])), name='dispute_status_known'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='dispute_amount_not_negative'),
        ),
    ]
