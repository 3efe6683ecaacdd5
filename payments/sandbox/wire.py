"""Stripe's wire format: form bodies with bracketed keys in, JSON documents out."""

import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

Params = dict[str, Any]

_BRACKETED = re.compile(r"\[([^\]]*)\]")


class ApiError(Exception):
    """An error response. `saved`: whether it is stored under the idempotency key.

    Stripe stores what an endpoint answered once it had begun its work: declines, and what the state does not allow.
    It does not store that the parameters were invalid.
    """

    def __init__(self, status: int, kind: str, message: str, *, saved: bool = False, **fields: object) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.body = {"error": {"type": kind, "message": message, **{k: v for k, v in fields.items() if v is not None}}}


def invalid(
    message: str, *, param: str | None = None, code: str | None = None, status: int = 400, saved: bool = False
) -> ApiError:
    return ApiError(status, "invalid_request_error", message, param=param, code=code, saved=saved)


def missing(noun: str, identifier: str, *, param: str = "id", status: int = 404) -> ApiError:
    return invalid(f"No such {noun}: '{identifier}'", param=param, code="resource_missing", status=status)


def parse_form(encoded: str) -> Params:
    """`a[b][0]=c` as `{"a": {"b": ["c"]}}`. Raises ApiError if a key is both a value and a container."""
    tree: Params = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        head = key.split("[", 1)[0]
        path = [head, *_BRACKETED.findall(key[len(head) :])]
        _put(tree, path, value)
    return {key: _with_lists(value) for key, value in tree.items()}


def _put(tree: Params, path: list[str], value: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise invalid("Invalid request: a parameter is both a value and a hash.", param=path[0])
    last = path[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise invalid("Invalid request: a parameter is both a value and a hash.", param=path[0])
    tree[last] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}


def integer(params: Mapping[str, Any], name: str) -> int | None:
    """The integer `params[name]`, None if missing. Raises ApiError."""
    value = params.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise invalid(f"Invalid integer: {name}", param=name, code="parameter_invalid_integer")
    return int(value)


def required(params: Mapping[str, Any], name: str) -> str:
    """The string `params[name]`. Raises ApiError if it is missing."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    return value


def mapping(params: Mapping[str, Any], name: str) -> Params:
    """The hash `params[name]`, empty if missing. Raises ApiError."""
    value = params.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"Invalid object: {name}", param=name)
    return value


def one_of(choices: Collection[str], value: object, name: str) -> None:
    """Raises ApiError if `value` is not one of `choices`."""
    if value not in choices:
        raise invalid(f"Invalid {name}: must be one of {', '.join(filter(None, choices))}.", param=name)


def boolean(params: Mapping[str, Any], name: str) -> bool:
    return params.get(name) == "true"


def public(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the API returns it, without the sandbox's private data."""
    return {key: value for key, value in document.items() if key != "_sandbox"}


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
