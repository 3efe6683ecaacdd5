import django.db.models.functions.datetime
from django.db import migrations, models

# A statement that would touch what is written fails, even one that finds no row and even on a replica that replays
# (ENABLE ALWAYS). Only whoever owns the table can take this away, which no code of the shop does.
PROTECT = """
CREATE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only added to: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_stays();
CREATE TRIGGER audit_entry_is_not_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_stays();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_stays;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_not_emptied;
"""
UNPROTECT = """
DROP TRIGGER audit_entry_stays ON audit_entry;
DROP TRIGGER audit_entry_is_not_emptied ON audit_entry;
DROP FUNCTION audit_entry_stays();
"""

class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='when')),
                ('actor_id', models.BigIntegerField(null=True, verbose_name='user')),
                ('actor', models.CharField(blank=True, help_text='Empty: the shop itself.', max_length=254, verbose_name='who')),
                ('verb', models.CharField(max_length=40, verbose_name='what')),
                ('object_type', models.CharField(max_length=100, verbose_name='kind of thing')),
                ('object_id', models.CharField(blank=True, max_length=64)),
                ('object_name', models.CharField(blank=True, max_length=200, verbose_name='on')),
                ('reference', models.CharField(blank=True, max_length=64, verbose_name='order')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('before', models.JSONField(null=True, verbose_name='before')),
                ('after', models.JSONField(null=True, verbose_name='after')),
                ('request_id', models.CharField(blank=True, max_length=64, verbose_name='request')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit log',
                'ordering': ['-id'],
                'permissions': [('export_entry', 'Can export the audit log')],
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['reference', 'id'], name='audit_of_order'), models.Index(fields=['object_type', 'object_id', 'id'], name='audit_of_object'), models.Index(fields=['actor_id', '-id'], name='audit_of_actor'), models.Index(fields=['verb', '-id'], name='audit_of_verb'), models.Index(fields=['at'], name='audit_by_time')],
            },
        ),
        migrations.RunSQL(PROTECT, UNPROTECT),
    ]
