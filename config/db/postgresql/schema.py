"""Schema changes without the second index that Django gives every indexed text column.

It serves `LIKE 'text%'` alone, which hardly a column is searched by, and each insert pays for it. A column that is
declares an index or a unique constraint with `varchar_pattern_ops`; equality uses that one too.
"""

from typing import Any

from django.db.backends.postgresql import schema
from django.db.models import Field, Model


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def _create_like_index_sql(self, model: type[Model], field: "Field[Any, Any]") -> None:
        return None
