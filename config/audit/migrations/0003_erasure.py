from django.db import migrations

# When a person is erased, what staff have said of them in words goes, and nothing else: a transaction that says so
# (config.audit.services) may empty reasons. Deleting stays as it was, emptying the table impossible.
ALLOW = """
CREATE OR REPLACE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('audit.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('audit.erasure', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE FUNCTION audit_entry_keeps_its_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    OLD.reason := '';
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: only a reason may be emptied.'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_keeps_its_facts BEFORE UPDATE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_keeps_its_facts();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_keeps_its_facts;
"""
REFUSE = """
DROP TRIGGER audit_entry_keeps_its_facts ON audit_entry;
DROP FUNCTION audit_entry_keeps_its_facts();
CREATE OR REPLACE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('audit.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is only added to: % is refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
"""


class Migration(migrations.Migration):

    dependencies = [('audit', '0002_retention')]

    operations = [migrations.RunSQL(ALLOW, REFUSE)]
