"""A client of the REST API: JSON over HTTP, in English by default."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from rest_framework.authtoken.models import Token

from config.accounts.models import User
from tests.support.factories.accounts import UserFactory

ROOT = "/api/v1/"
PROBLEM = "application/problem+json"


class App:
    """Paths are relative to `/api/v1/`; `user` is authenticated by token."""

    def __init__(self, user: User | None = None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Accept-Language": "en"}
        if user is not None:
            token, _created = Token.objects.get_or_create(user=user)
            self._headers["Authorization"] = f"Token {token.key}"

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        return self._client.get(ROOT + path, query or {}, headers=self._with(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._send("post", path, body, headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._send("put", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self._send("patch", path, body, headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self._client.delete(ROOT + path, headers=self._with(headers))

    def raw(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> HttpResponse:
        return self._client.generic(method, ROOT + path, body, content_type, headers=self._headers)

    def check_out(self, cart: Any, method: str = "pm_card_visa", key: str = "key-1", **changes: Any) -> HttpResponse:
        """Check out a cart (its document or snapshot) with the total it shows."""
        facts = cart if isinstance(cart, dict) else {"id": cart.id, "total": str(cart.total)}
        body = {"payment_method": method, "expected_total": facts["total"], **changes}
        return self.post(f"carts/{facts['id']}/checkout/", body, idempotency_key=key)

    def _send(self, verb: str, path: str, body: Any, headers: dict[str, str]) -> HttpResponse:
        data = json.dumps({} if body is None else body)
        send = getattr(self._client, verb)
        return send(ROOT + path, data, content_type="application/json", headers=self._with(headers))

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        return self._headers | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def app() -> App:
    """An anonymous client."""
    return App()


@pytest.fixture
def user(db: None) -> User:
    return UserFactory()


@pytest.fixture
def users_app(user: User) -> App:
    return App(user)


def assert_problem(answer: HttpResponse, status: int, code: str, *fields: str) -> dict[str, Any]:
    """The response is this problem document (RFC 9457), with errors for exactly these fields."""
    assert answer.headers["Content-Type"] == PROBLEM, answer.content
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    assert problem["type"] == f"urn:esteira:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert set(problem.get("errors", {})) == set(fields), problem
    return problem
