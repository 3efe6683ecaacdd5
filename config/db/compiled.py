"""Querysets that are put into words once: ORM-level caching of a statement's text.

    @compiled
    def carts_by_token(token: str) -> QuerySet[Cart]:
        return Cart.objects.with_quote().filter(token=token)

    carts_by_token("…")  # a list of carts

Most of what the ORM costs is the way from a queryset to its SQL. Here Django's own compiler goes it at the first call,
with a slot in the place of each argument; later calls bind values, run the statement and build the instances.
docs/architecture.md says when to use it, and when not.
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, cast

from django.db import connections
from django.db.models import Expression, Field, Lookup, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.fields.related import ForeignObject
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable
from django.db.models.signals import post_init, pre_init
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError
from psycopg.types.numeric import Int8

P = ParamSpec("P")
Row = TypeVar("Row")
AnyModel = TypeVar("AnyModel", bound=Model)

# Every compiled queryset by its full name, for tests.
REGISTRY: dict[str, "Compiled[..., Any]"] = {}


class CannotCompile(TypeError):
    """The queryset, or an argument, is of a kind that compiled querysets do not serve."""


class Slot(Expression):
    """Where an argument goes: `%s`, whatever it is compared with."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, Any]:
        return "%s", [self]


class Compiled(Generic[P, Row]):
    """A queryset as a function of its values. Called, it returns a list: one statement, read to the end.

    Raises CannotCompile for None (compare with `isnull` in the queryset instead) and for a model instance, and
    TransactionManagementError if it locks rows outside a transaction.
    """

    def __init__(self, build: Callable[P, QuerySet[Any, Row]]) -> None:
        self.plain = build
        self.name = f"{build.__module__}.{build.__qualname__}"
        self._statement: _Statement | None = None
        REGISTRY[self.name] = cast("Compiled[..., Any]", self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        if kwargs:
            raise CannotCompile(f"{self.name} takes its arguments by position.")
        # Two threads may both compile it: they come to the same.
        if self._statement is None:
            self._statement = self._compile(len(args))
        return self._statement.run(self.name, args)

    def first(self, *args: P.args, **kwargs: P.kwargs) -> Row | None:
        """The first row, or None. Reads them all: the queryset should find one."""
        rows = self(*args, **kwargs)
        return rows[0] if rows else None

    def _compile(self, arguments: int) -> "_Statement":
        slots: list[Any] = [Slot(position) for position in range(arguments)]
        queryset = self.plain(*slots)  # type: ignore[call-arg]
        if queryset._prefetch_related_lookups:  # type: ignore[attr-defined]
            raise CannotCompile(f"{self.name} prefetches: write the second statement as a queryset of its own.")
        statement = _Statement(queryset)
        missing = set(range(arguments)) - {slot.position for slot in statement.params if isinstance(slot, Slot)}
        if missing:
            raise CannotCompile(f"{self.name}: a lookup has used up the arguments {missing} while it was compiled.")
        return statement


def compiled(build: Callable[P, QuerySet[Any, Row]]) -> Compiled[P, Row]:
    """Compile a function that returns a queryset of its positional arguments. Its filters must not depend on them
    otherwise: it runs only once."""
    return Compiled(build)


class _Statement:
    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        self.alias = queryset.db
        compiler = queryset.query.get_compiler(using=self.alias)
        self.sql, params = compiler.as_sql()
        self.params: tuple[Any, ...] = tuple(params)
        self.locks = queryset.query.select_for_update
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        self.converters = [(at, *found) for at, found in compiler.get_converters(columns).items()]
        self.build = _builder(queryset, compiler)

    def run(self, name: str, args: tuple[Any, ...]) -> list[Any]:
        connection = connections[self.alias]
        if self.locks and connection.get_autocommit():
            raise TransactionManagementError(f"{name} locks rows, so it must run in a transaction.")
        values = [_adapted(name, args[param.position]) if type(param) is Slot else param for param in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, values)
            rows = cursor.fetchall()
        if self.converters:
            rows = [self._converted(row, connection) for row in rows]
        return [self.build(row) for row in rows]

    def _converted(self, row: tuple[Any, ...], connection: Any) -> tuple[Any, ...]:
        values = list(row)
        for at, converters, expression in self.converters:
            for convert in converters:
                values[at] = convert(values[at], expression, connection)
        return tuple(values)


def _adapted(name: str, value: Any) -> Any:
    """The value as the driver gets it. Integers all have one width: psycopg would choose by size, and PostgreSQL would
    plan the statement once for each mix of widths."""
    if type(value) is int:
        return Int8(value)
    if value is None or isinstance(value, Model):
        raise CannotCompile(f"{name} cannot take {type(value).__name__} as an argument.")
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_adapted(name, item) for item in value]
    return value


def _builder(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Callable[[tuple[Any, ...]], Any]:
    kind = queryset._iterable_class
    if kind is ValuesListIterable:
        return tuple
    if kind is FlatValuesListIterable:
        return lambda row: row[0]
    if kind is not ModelIterable:
        raise CannotCompile(f"{kind.__name__}: only instances and values_list() can be compiled.")
    instances = _Instances(compiler.klass_info, compiler.select, queryset.db)
    annotations = list((compiler.annotation_col_map or {}).items())
    if not annotations:
        return instances.build

    def build(row: tuple[Any, ...]) -> Any:
        instance = instances.build(row)
        for attribute, at in annotations:
            setattr(instance, attribute, row[at])
        return instance

    return build


class _Instances:
    """Builds instances of one model from a row, and those that it joins."""

    def __init__(self, klass_info: Any, select: Any, alias: str) -> None:
        self.model: type[Model] = klass_info["model"]
        require_plain(self.model)
        columns = klass_info["select_fields"]
        self.start, self.end = columns[0], columns[-1] + 1
        fields = [select[at][0].target for at in range(self.start, self.end)]
        self.attributes = [field.attname for field in fields]
        self.key = self.start + fields.index(self.model._meta.pk)
        self.alias = alias
        self.joined = [
            (_Instances(joined, select, alias), joined["local_setter"], joined["remote_setter"])
            for joined in klass_info.get("related_klass_infos", ())
        ]

    def build(self, row: tuple[Any, ...]) -> Any:
        instance: Any = instance_of(self.model, self.alias, self.attributes, row[self.start : self.end])
        for joined, set_here, set_there in self.joined:
            if row[joined.key] is None:
                set_here(instance, None)
            else:
                other = joined.build(row)
                set_here(instance, other)
                set_there(other, instance)
        return instance


def instance_of(model: type[AnyModel], alias: str, attributes: Iterable[str], values: Iterable[Any]) -> AnyModel:
    """An instance that was read from the database. Like `Model.from_db`, without `__init__`: see `require_plain`."""
    instance = model.__new__(model)
    state = ModelState()
    state.db, state.adding = alias, False
    instance.__dict__["_state"] = state
    instance.__dict__.update(zip(attributes, values, strict=True))
    return instance


def require_plain(model: type[Model]) -> None:
    """Raises CannotCompile if making an instance of the model does more than set its columns."""
    listeners = pre_init.has_listeners(model) or post_init.has_listeners(model)
    makes_its_own = model.__init__ is not Model.__init__ or model.from_db.__func__ is not Model.from_db.__func__  # type: ignore[attr-defined]
    if listeners or makes_its_own or model._meta.parents:
        raise CannotCompile(f"{model.__name__} does more than take its columns when an instance is made.")


@ForeignObject.register_lookup
@Field.register_lookup
class EqualsAny(Lookup[Any]):
    """`field__any=[…]` is `field = ANY(…)`: one text for any number of values, where `__in` has one for each."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        array = f"%s::{field.cast_db_type(connection).split('(')[0]}[]"
        right: Iterable[Any] = [self.rhs]
        if not isinstance(self.rhs, Slot):
            right = [[field.get_db_prep_value(value, connection, prepared=False) for value in self.rhs]]
        return f"{left} = ANY({array})", (*left_params, *right)


def keep_related(instance: Model, accessor: str, rows: list[Any]) -> None:
    """Keep the rows that a compiled queryset has read as `prefetch_related(accessor)` would."""
    manager = getattr(instance, accessor)
    backward = manager.field
    queryset = manager.get_queryset()
    queryset._result_cache, queryset._prefetch_done = rows, True
    for row in rows:
        backward.set_cached_value(row, instance)
    instance.__dict__.setdefault("_prefetched_objects_cache", {})[accessor] = queryset
