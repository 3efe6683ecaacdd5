"""Inserts and updates of rows whose text is kept, as `config.db.compiled` keeps that of querysets.

They write what `Model.save` and `bulk_create` write, with the same values, and send no signals: a model that somebody
listens to is refused. What a written-out statement returns is read as `QuerySet.raw` reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, connections, models, router
from django.db.models import AutoField, Field, Model
from django.db.models.signals import post_save, pre_save
from django.db.transaction import mark_for_rollback_on_error
from psycopg.types.numeric import Int2, Int4, Int8

from config.db.compiled import CannotCompile, instance_of, require_plain

Row = TypeVar("Row", bound=Model)
AnyField = Field[Any, Any]


def insert(instance: Model) -> None:
    """Insert a new row, as `save(force_insert=True)` does. Sets a generated primary key."""
    model = type(instance)
    insertion = _insertion(model, instance.pk is None, one=True)
    connection = connections[router.db_for_write(model)]
    values = [column.value(instance, connection, add=True) for column in insertion.columns]
    insertion.run([instance], values, connection)


def insert_all(instances: Sequence[Model]) -> None:
    """Insert rows of one model, as `bulk_create` does: one statement, and one text for any number of them."""
    if not instances:
        return
    model = type(instances[0])
    insertion = _insertion(model, instances[0].pk is None, one=False)
    connection = connections[router.db_for_write(model)]
    values = [[column.value(instance, connection, add=True) for instance in instances] for column in insertion.columns]
    insertion.run(instances, values, connection)


def update(instance: Model, *fields: str) -> None:
    """Update these fields of a row, or all if none are named, as `save` does. Raises DatabaseError if it is gone."""
    model = type(instance)
    _require_silent(model)
    alias = router.db_for_write(model, instance=instance)
    connection = connections[alias]
    sql, columns = _alteration(model, fields)
    values = [column.value(instance, connection, add=False) for column in columns]
    with mark_for_rollback_on_error(using=alias), connection.cursor() as cursor:
        cursor.execute(sql, values)
        if cursor.rowcount != 1:
            raise DatabaseError("The update did not affect any rows.")


def returned(model: type[Row], sql: str, params: Mapping[str, Any]) -> list[Row]:
    """The rows of a statement that returns all columns of one table, such as `UPDATE … RETURNING event.*`.

    Columns that the model does not know are left out: the release after this one may have added them.
    """
    require_plain(model)
    connection = connections[router.db_for_write(model)]
    with mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(sql, params)
        reading = _reading(model, tuple(column.name for column in cursor.description))
        found = cursor.fetchall()
    instances = []
    for row in found:
        values = [row[at] for at in reading.places]
        for at, convert, expression in reading.converters:
            values[at] = convert(values[at], expression, connection)
        instances.append(instance_of(model, connection.alias, reading.attributes, values))
    return instances


@dataclass(frozen=True)
class _Reading:
    """Which column each attribute is in, and which values Django converts."""

    attributes: list[str]
    places: list[int]
    converters: list[tuple[int, Any, Any]]


@cache
def _reading(model: type[Model], columns: tuple[str, ...]) -> _Reading:
    connection = connections[router.db_for_write(model)]
    fields = model._meta.concrete_fields
    converters = []
    for at, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        found = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        converters += [(at, convert, column) for convert in found]
    return _Reading([field.attname for field in fields], [columns.index(field.column) for field in fields], converters)


def _require_silent(model: type[Model]) -> None:
    if pre_save.has_listeners(model) or post_save.has_listeners(model):
        raise CannotCompile(f"Somebody listens to what is saved of {model.__name__}.")
    if model._meta.parents or model.save is not Model.save:
        raise CannotCompile(f"{model.__name__} does more than write its columns when it is saved.")


# What Django's own fields hand over as it is if it has this type. All other values, and all other fields, go their way.
_AS_IT_IS: dict[type[AnyField], type] = {
    models.BooleanField: bool,
    models.CharField: str,
    models.DateTimeField: datetime,
    models.EmailField: str,
    models.SlugField: str,
    models.TextField: str,
    models.UUIDField: UUID,
}
# As `config.db.compiled`: integers have the width of their column. Django leaves that of keys to the driver.
_WIDTHS: dict[type[AnyField], type[int]] = {
    models.AutoField: Int4,
    models.BigAutoField: Int8,
    models.BigIntegerField: Int8,
    models.IntegerField: Int4,
    models.PositiveIntegerField: Int4,
    models.PositiveSmallIntegerField: Int2,
    models.SmallIntegerField: Int2,
}


class _Column:
    """How the values of one field go to the driver."""

    def __init__(self, field: AnyField) -> None:
        self.field, self._attribute = field, field.attname
        self._refers = type(field) in (models.ForeignKey, models.OneToOneField)
        holds = type(field.target_field if self._refers else field)  # type: ignore[attr-defined]
        self._as_it_is, self._width = _AS_IT_IS.get(holds), _WIDTHS.get(holds)
        self._is_set_now = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)

    def value(self, instance: Model, connection: Any, *, add: bool) -> Any:
        if self._as_it_is or self._width:
            value = self.field.pre_save(instance, add) if self._is_set_now else getattr(instance, self._attribute)
            kind = type(value)
            if kind is self._as_it_is and (kind is not datetime or value.tzinfo):
                return value
            if kind is int and self._width:
                return self._width(value)
            if value is None and not (self._refers and self.field.is_cached(instance)):  # type: ignore[attr-defined]
                return None
        value = _value(self.field, instance, connection, add=add)
        return self._width(value) if self._width and type(value) is int else value


def _value(field: AnyField, instance: Model, connection: Any, *, add: bool) -> Any:
    value = field.pre_save(instance, add)
    if hasattr(value, "resolve_expression"):
        raise CannotCompile(f"{field} is an expression.")
    if value is None and field.is_relation and (other := field.get_cached_value(instance, default=None)):  # type: ignore[attr-defined]
        # The other row was saved after it was assigned.
        value = other.pk
        setattr(instance, field.attname, value)
    return field.get_db_prep_save(value, connection)


@dataclass(frozen=True)
class _Insertion:
    """`returns_key` if the database generates the primary key."""

    sql: str
    columns: list[_Column]
    returns_key: bool

    def run(self, instances: Sequence[Model], values: list[Any], connection: Any) -> None:
        _require_silent(type(instances[0]))
        with mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(self.sql, values)
            if self.returns_key:
                for instance, (key,) in zip(instances, cursor.fetchall(), strict=True):
                    instance.pk = key
        for instance in instances:
            instance._state.adding, instance._state.db = False, connection.alias


@cache
def _insertion(model: type[Model], without_key: bool, *, one: bool) -> _Insertion:
    """With one value for each field or, unless `one`, an array for each."""
    options = model._meta
    connection = connections[router.db_for_write(model)]
    generates = without_key and isinstance(options.pk, AutoField)
    fields = [field for field in options.local_concrete_fields if not (generates and field.primary_key)]
    columns = ", ".join(_column(field) for field in fields)
    if one:
        rows = f"VALUES ({', '.join(['%s'] * len(fields))})"
    else:
        # The type without its length: a cast would cut off a text that is too long instead of refusing it.
        types = (str(field.db_type(connection)).split("(")[0] for field in fields)
        rows = f"SELECT * FROM unnest({', '.join(f'%s::{of}[]' for of in types)})"  # noqa: S608
    returning = f" RETURNING {_column(options.pk)}" if generates else ""
    sql = f'INSERT INTO "{options.db_table}" ({columns}) {rows}{returning}'
    return _Insertion(sql, [_Column(field) for field in fields], generates)


@cache
def _alteration(model: type[Model], names: tuple[str, ...]) -> tuple[str, list[_Column]]:
    """The primary key comes last."""
    options = model._meta
    by_name = {field.name: field for field in options.local_concrete_fields if not field.primary_key}
    fields = [by_name[name] for name in names] or list(by_name.values())
    columns = ", ".join(f"{_column(field)} = %s" for field in fields)
    sql = f'UPDATE "{options.db_table}" SET {columns} WHERE {_column(options.pk)} = %s'  # noqa: S608
    return sql, [_Column(field) for field in (*fields, options.pk)]


def _column(field: AnyField) -> str:
    return f'"{field.column}"'
