"""The basis of every `api.py`: strict input, the formats of money and time, and responses that must not be cached."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.form_fields import NOT_ONE_LINE, is_one_line
from config.formats import translated
from config.money import round_money

AnySerializer = serializers.BaseSerializer[Any]
Shown = TypeVar("Shown")

MONEY_PATTERN = r"^[0-9]{1,10}(\.[0-9]{1,2})?$"
# At most this many unknown field names are echoed to the client.
_MAX_UNKNOWN_NAMES = 20


@cache
def _kept(form: type[AnySerializer]) -> AnySerializer:
    """The one instance that reads and writes all documents of this form: creating its fields costs more than that."""
    return form()


# --- Input ------------------------------------------------------------------------------------------------------------


class Input(serializers.Serializer[Any]):
    """A request body. Unknown fields are errors: most of them are typos."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields][:_MAX_UNKNOWN_NAMES]
            if unknown:
                raise serializers.ValidationError({name: [_("Unknown field.")] for name in unknown})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string on one line; numbers are refused. If it may be blank, null means empty."""

    default_error_messages = {"control": NOT_ONE_LINE}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is None and self.allow_blank:
            return ""
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value = super().to_internal_value(data)
        if not is_one_line(value):
            self.fail("control")
        return value


class Email(Text, serializers.EmailField):
    """An e-mail address."""


class WholeNumber(serializers.IntegerField):
    """A JSON integer; strings, fractions and booleans are refused."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "decimal", "pattern": MONEY_PATTERN, "example": "109.80"})
class Money(serializers.RegexField):
    """An amount as a string with two decimals. The document has the currency."""

    default_error_messages = {"invalid": _('Send the amount as a string with two decimals, such as "109.80".')}

    def __init__(self, **options: Any) -> None:
        super().__init__(MONEY_PATTERN, **options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return round_money(Decimal(value)) if isinstance(value, str) else value

    def to_representation(self, value: Any) -> str:
        return f"{value:.2f}"


class Translated(serializers.CharField):
    """A stored English text, translated into the reader's language. Not for empty texts."""

    def to_representation(self, value: str) -> str:
        return translated(value)


@extend_schema_field({"type": "string", "format": "date-time", "example": "2026-03-14T15:09:26Z"})
class Moment(serializers.Field[datetime, str, str, Any]):
    """A time as RFC 3339 in UTC, to the second."""

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def validated(form: type[AnySerializer], data: Any) -> dict[str, Any]:
    """The values in `data`, as this form reads them. Raises ValidationError."""
    try:
        values: dict[str, Any] = _kept(form).run_validation(data)  # type: ignore[arg-type]  # a class can be hashed
    except serializers.ValidationError:
        # A field words some messages only once, in the language of whoever is refused first: here each is a new one.
        refused = form(data=data)
        refused.is_valid(raise_exception=True)
        values = refused.validated_data
    return values


# --- Output -----------------------------------------------------------------------------------------------------------


# A response, or a part of one. Shows of a value what REST framework shows, but looks at each field only once. (Not a
# docstring, since that would show up at each form in the OpenAPI document.)
class Output(serializers.Serializer[Shown]):
    @cached_property
    def _plan(self) -> list[tuple[str, str | None, serializers.Field[Any, Any, Any, Any]]]:
        """Each field, its name, and the attribute or key that it shows: None is the value itself."""
        plan = []
        for field in self._readable_fields:
            if type(field).get_attribute is not serializers.Field.get_attribute or len(field.source_attrs) > 1:
                raise TypeError(f"{field.field_name} of {type(self).__name__} does not show one attribute.")
            plan.append((str(field.field_name), field.source_attrs[0] if field.source_attrs else None, field))
        return plan

    def to_representation(self, instance: Any) -> dict[str, Any]:
        is_mapping, shown = isinstance(instance, Mapping), {}
        for name, source, field in self._plan:
            try:
                value = instance if source is None else instance[source] if is_mapping else getattr(instance, source)
                is_known = source is None or not callable(value)
            except (KeyError, AttributeError, ObjectDoesNotExist):
                is_known = False
            if not is_known:
                try:
                    value = field.get_attribute(instance)
                except serializers.SkipField:
                    continue
            shown[name] = None if value is None else field.to_representation(value)
        return shown


def document(form: type[AnySerializer], value: Any) -> dict[str, Any]:
    """`value` serialized by `form`."""
    return dict(_kept(form).to_representation(value))  # type: ignore[arg-type]  # as above


# --- Views ------------------------------------------------------------------------------------------------------------


# A view whose responses belong to one user: no cache may store them. (Not a docstring, since that would show up at each
# of its operations in the OpenAPI document.)
class PrivateView(APIView):
    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response


def read_body(form: type[Input], request: Request) -> dict[str, Any]:
    """The validated values of the body. Raises ValidationError."""
    return validated(form, request.data)


def user_id_of(request: Request) -> int | None:
    return request.user.pk if request.user.is_authenticated else None


def known_user_id(request: Request) -> int:
    """Where the view asks for `IsAuthenticated`."""
    user_id = user_id_of(request)
    assert user_id is not None  # noqa: S101 - narrows the type, IsAuthenticated decides
    return user_id
