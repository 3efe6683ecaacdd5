"""Refusals in the OpenAPI document: each with its status, code and message, all in one `Problem` schema.

`refusals(...)` documents a view's own refusals. Those that any request may get (malformed body, bad token, too many
requests) are added to every operation by `document_protocol`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from config.api import problems
from config.api.fields import Input
from config.api.problems import CONTENT_TYPE, problem_of
from config.exceptions import Fact, Refusal
from config.rate_limits import RateLimited

Responses = dict[Any, Any]
AnyField = serializers.Field[Any, Any, Any, Any]

_FIELDS: dict[object, type[AnyField]] = {str: serializers.CharField, int: serializers.IntegerField}


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. Switch on `code`, show `detail`. Some codes come with additional members."""

    type = serializers.CharField(help_text="A URN for the code.")
    title = serializers.CharField(help_text="The kind of problem, in the language of the request.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="A message for people, in the language of the request.")
    code = serializers.CharField(help_text="A stable identifier to switch on.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field, where a bound form has its errors
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="With `invalid`: messages by field, nested fields dotted, as in `address.street`.",
    )

    def get_fields(self) -> dict[str, AnyField]:
        """The members of every problem, then the facts of some. Called only after all apps are loaded."""
        return super().get_fields() | _shown_facts()


def _shown_facts() -> dict[str, AnyField]:
    """A field for each fact that a refusal shows, by status and then by app."""
    facts: dict[str, dict[str, Fact]] = {}  # by name and code
    for kind in sorted(_descendants(Refusal), key=lambda kind: (kind.status, kind.__module__, kind.__qualname__)):
        for name, fact in kind.shows.items():
            facts.setdefault(name, {}).setdefault(kind.code, fact)
    return {name: _field_of(by_code) for name, by_code in facts.items()}


def _descendants(kind: type[Refusal]) -> set[type[Refusal]]:
    return {kind}.union(*(_descendants(child) for child in kind.__subclasses__()))


def _field_of(by_code: Mapping[str, Fact]) -> AnyField:
    help_text = " ".join(f"With `{code}`: {fact.description}" for code, fact in by_code.items())
    kind = next(iter(by_code.values())).kind
    if kind == list[str]:
        return serializers.ListField(child=serializers.CharField(), required=False, help_text=help_text)
    if get_origin(kind) is list:
        return _serializer_of(*get_args(kind))(many=True, required=False, help_text=help_text)
    return _FIELDS[kind](required=False, help_text=help_text)


@cache
def _serializer_of(typed_dict: type) -> type[serializers.Serializer[Any]]:
    """One class per type, since drf-spectacular identifies components by class."""
    fields = {name: _FIELDS[kind]() for name, kind in get_type_hints(typed_dict).items()}
    body = {"__doc__": typed_dict.__doc__, **fields}
    return type(f"{typed_dict.__name__}Serializer", (serializers.Serializer,), body)


def refusals(*kinds: type[Refusal] | Refusal) -> Responses:
    """The responses for these refusals, to be merged into an operation's `responses`."""
    by_status: dict[int, list[Refusal]] = {}
    for kind in kinds:
        refusal = kind if isinstance(kind, Refusal) else kind()
        by_status.setdefault(refusal.status, []).append(refusal)
    return {(status, CONTENT_TYPE): _response(group) for status, group in by_status.items()}


def _response(group: list[Refusal]) -> OpenApiResponse:
    codes = list(dict.fromkeys(refusal.code for refusal in group))
    return OpenApiResponse(
        ProblemSerializer,
        description=", ".join(f"`{code}`" for code in codes),
        examples=[_example(refusal, code) for code in codes for refusal in group if refusal.code == code][:8],
    )


def _example(refusal: Refusal, code: str) -> OpenApiExample:
    return OpenApiExample(
        f"{code}: {type(refusal).__name__}", value=problem_of(refusal), media_type=CONTENT_TYPE, response_only=True
    )


# --- Post-processing of the whole document ----------------------------------------------------------------------------

_BODY = (
    problems.TooLarge,
    problems.UnsupportedMediaType,
)
_ANY = (
    problems.Malformed,
    problems.NotAuthenticated,
    problems.NotAcceptable,
    RateLimited,
    problems.Unavailable,
)
_METHODS = {"get", "put", "post", "patch", "delete"}


def document_protocol(result: dict[str, Any], generator: Any, **_context: Any) -> dict[str, Any]:
    """drf-spectacular's hook: adds the refusals that any operation may return, and marks strict request bodies."""
    for operation in _operations(result):
        kinds = _ANY + (_BODY if "requestBody" in operation else ())
        for kind in kinds:
            _add_code(operation["responses"], kind)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                _as_problem(int(status), response)
        operation["responses"] = dict(sorted(operation["responses"].items()))
    for component in generator.registry._components.values():
        if _is_strict(component.object) and component.name in result["components"]["schemas"]:
            result["components"]["schemas"][component.name]["additionalProperties"] = False
    return result


def _is_strict(described: object) -> bool:
    return isinstance(described, Input) or (isinstance(described, type) and issubclass(described, Input))


def _add_code(responses: dict[str, Any], kind: type[Refusal]) -> None:
    code = f"`{kind.code}`"
    response = responses.setdefault(str(kind.status), {"description": code})
    if code not in response["description"]:
        response["description"] += f", {code}"


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in result["paths"].items():
        if not path.endswith("/schema/"):
            yield from (operation for method, operation in methods.items() if method in _METHODS)


def _as_problem(status: int, response: dict[str, Any]) -> None:
    response.setdefault("content", {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    if status in (429, 503):
        seconds = {"description": "Seconds to wait before retrying.", "schema": {"type": "integer", "minimum": 1}}
        response.setdefault("headers", {})["Retry-After"] = seconds
    if status == 401:
        scheme = {"description": "How to sign in.", "schema": {"type": "string"}}
        response.setdefault("headers", {})["WWW-Authenticate"] = scheme
