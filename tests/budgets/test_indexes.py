"""What every insert pays for: no index that another one already serves."""

import pytest
from django.apps import apps
from django.db import connection

OURS = ("cart.", "checkout.", "inventory.", "payments.", "shipping.", "config.")
# Text columns have no second index for LIKE (config/db/postgresql/schema.py); this one serves both.
BY_BEGINNING = {"order_number_unique"}

INDEXES = """
SELECT relation.relname, index.relname, i.indkey::int[], i.indclass::int[], i.indisunique,
    coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce(pg_get_expr(i.indexprs, i.indrelid), ''),
    pg_get_indexdef(i.indexrelid) LIKE '%%_pattern_ops)%%'
FROM pg_index i
JOIN pg_class relation ON relation.oid = i.indrelid
JOIN pg_class index ON index.oid = i.indexrelid
JOIN pg_am method ON method.oid = index.relam
WHERE method.amname = 'btree' AND relation.relname = ANY(%s)
"""


def _indexes() -> list[tuple[str, str, list[int], list[int], bool, str, str, bool]]:
    ours = [model._meta.db_table for model in apps.get_models() if model.__module__.startswith(OURS)]
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [ours])
        return cursor.fetchall()


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another() -> None:
    found = _indexes()
    needless = []
    for table, name, columns, classes, unique, predicate, expressions, _like in found:
        for other_table, other, others, other_classes, _unique, other_predicate, other_expressions, _ in found:
            same_kind = (predicate, expressions) == (other_predicate, other_expressions)
            begins = others[: len(columns)] == columns and other_classes[: len(classes)] == classes
            if table == other_table and name != other and not unique and same_kind and begins:
                needless.append(f"{name}: {other} serves it")
    assert needless == []


@pytest.mark.django_db
def test_no_text_column_is_indexed_twice() -> None:
    assert {name for _, name, *_, like in _indexes() if like} == BY_BEGINNING
