from typing import Any

from django.db import connection, migrations


def drop_like_indexes(_apps: Any, _schema_editor: Any) -> None:
    """Those that Django made beside the index of each text column; config.db.postgresql makes none any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            r"""
            SELECT format('%I.%I', schemaname, indexname) FROM pg_indexes
            WHERE schemaname = current_schema() AND indexname LIKE '%\_like' AND indexdef LIKE '%\_pattern\_ops)'
            """
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


class Migration(migrations.Migration):

    atomic = False  # an index is dropped beside the shop's work, not in its way

    dependencies = [
        ('checkout', '0016_lean_indexes'),
    ]

    operations = [
        migrations.RunPython(drop_like_indexes, migrations.RunPython.noop, elidable=True),
    ]
