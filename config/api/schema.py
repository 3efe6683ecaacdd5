"""How the OpenAPI document tells of refusals: each with its status, code and sentence, all as one `Problem` schema.

`refusals(...)` documents the rules of the shop at a view. What any request may meet before it reaches a rule (a broken
body, a bad token, too many requests) is added to every operation by `document_protocol`.
"""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from config.api import problems
from config.api.fields import Input
from config.api.problems import CONTENT_TYPE, problem_of
from config.exceptions import Refusal

Responses = dict[Any, Any]


class ShortageSerializer(serializers.Serializer[Any]):
    """One product that there is too little of."""

    sku = serializers.CharField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. Switch on `code`, show `detail`. Some codes carry facts beside it."""

    type = serializers.CharField(help_text="A URN that stands for the code.")
    title = serializers.CharField(help_text="What kind of problem it is, in the language of the request.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="A sentence for a person, in the language of the request.")
    code = serializers.CharField(help_text="What to switch on.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field, where a bound form has its errors
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="With `invalid`: messages by field, nested fields dotted, as in `address.street`.",
    )
    expected_total = serializers.CharField(required=False, help_text="With `price_changed`: what was agreed to.")
    total = serializers.CharField(required=False, help_text="With `price_changed`: what it costs now.")
    shortages = ShortageSerializer(many=True, required=False, help_text="With `insufficient_stock`: what is short.")
    reason = serializers.CharField(
        required=False,
        help_text="With `shipping_quote_expired`: `expired`, `address_changed` or `cart_changed`.",
    )
    instead = serializers.CharField(
        required=False, help_text="With `payment_unavailable`: the `payment_method` that goes on, `pix`."
    )


def refusals(*kinds: type[Refusal] | Refusal) -> Responses:
    """The responses of an operation that may refuse in these ways, to be merged into `responses`."""
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
    problems.Malformed,
    problems.TooLarge,
    problems.UnsupportedMediaType,
)
_ANY = (problems.NotAuthenticated, problems.NotAcceptable, problems.RateLimited, problems.Unavailable)
_METHODS = {"get", "put", "post", "patch", "delete"}


def document_protocol(result: dict[str, Any], generator: Any, **_context: Any) -> dict[str, Any]:
    """drf-spectacular's hook: adds what any operation may answer, and which bodies take no unknown fields."""
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
        seconds = {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}}
        response.setdefault("headers", {})["Retry-After"] = seconds
    if status == 401:
        scheme = {"description": "How to sign in.", "schema": {"type": "string"}}
        response.setdefault("headers", {})["WWW-Authenticate"] = scheme
