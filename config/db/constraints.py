"""Constraints that Django does not have, and which one an error is about."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BaseConstraint, Model
from psycopg import sql


class SameAsRelated(BaseConstraint):
    """`fields` of a row are the same as those of the row that its foreign key `relation` refers to, now and later.

    A composite foreign key: the other table needs a unique index on its key and `fields`. It is checked by the
    statement that breaks it, in either table. A row with NULL in one of `fields` is not checked. Rows from before the
    constraint are not either, until `ValidateConstraint`.
    """

    def __init__(self, *, relation: str, fields: Sequence[str], name: str) -> None:
        super().__init__(name=name)
        self.relation, self.fields = relation, tuple(fields)

    def create_sql(self, model: type[Model], schema_editor: object) -> str:  # type: ignore[override]
        other: type[Model] = model._meta.get_field(self.relation).related_model  # type: ignore[assignment]
        return (
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) NOT VALID")
            .format(
                sql.Identifier(model._meta.db_table),
                sql.Identifier(self.name),
                _columns(model, self.relation, *self.fields),
                sql.Identifier(other._meta.db_table),
                _columns(other, other._meta.pk.name, *self.fields),
            )
            .as_string()
        )

    def remove_sql(self, model: type[Model], schema_editor: object) -> str:  # type: ignore[override]
        drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        return drop.format(sql.Identifier(model._meta.db_table), sql.Identifier(self.name)).as_string()

    def constraint_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        """Not inside CREATE TABLE: the other table may not be there yet."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return ""

    def validate(self, *_args: Any, **_options: Any) -> None:
        """By the database only."""

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _args, options = super().deconstruct()
        return path, (), {**options, "relation": self.relation, "fields": self.fields}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameAsRelated) and self.deconstruct() == other.deconstruct()

    __hash__ = None  # type: ignore[assignment]


def _columns(model: type[Model], *fields: str) -> sql.Composable:
    columns = (str(model._meta.get_field(name).column) for name in fields)  # type: ignore[union-attr]
    return sql.SQL(", ").join([sql.Identifier(column) for column in columns])


def broken_constraint(error: IntegrityError) -> str:
    """The name of the constraint that PostgreSQL says is broken, or ""."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
