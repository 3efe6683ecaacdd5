from django.db import migrations

# Deleting is possible in a transaction that says so (config.audit.retention), and even there not for an entry of the
# last year. Changing and emptying stay impossible.
ALLOW = """
CREATE OR REPLACE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('audit.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE FUNCTION audit_entry_is_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < now() - INTERVAL '365 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: an entry of the last year is kept.'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_is_old BEFORE DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_old();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_is_old;
"""
REFUSE = """
DROP TRIGGER audit_entry_is_old ON audit_entry;
DROP FUNCTION audit_entry_is_old();
CREATE OR REPLACE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only added to: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
"""


class Migration(migrations.Migration):

    dependencies = [('audit', '0001_initial')]

    operations = [migrations.RunSQL(ALLOW, REFUSE)]
