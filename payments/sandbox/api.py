"""The API under `/v1/`: authentication, routing and idempotency."""

import base64
import binascii
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from urllib.parse import parse_qsl

from payments.sandbox import charges, disputes, events, fraud_warnings, intents, payment_methods, refunds
from payments.sandbox.context import Context
from payments.sandbox.expansion import expand
from payments.sandbox.faults import Faults
from payments.sandbox.store import Document, Store
from payments.sandbox.wire import ApiError, Params, invalid, parse_form, public

logger = logging.getLogger(__name__)

Handler = Callable[..., Document]

ROUTES: list[tuple[str, re.Pattern[str], Handler]] = [
    ("POST", re.compile(r"/v1/payment_intents"), intents.create),
    ("GET", re.compile(r"/v1/payment_intents"), intents.list_),
    ("GET", re.compile(r"/v1/payment_intents/(\w+)"), intents.retrieve),
    ("POST", re.compile(r"/v1/payment_intents/(\w+)/confirm"), intents.confirm),
    ("POST", re.compile(r"/v1/payment_intents/(\w+)/capture"), intents.capture),
    ("POST", re.compile(r"/v1/payment_intents/(\w+)/cancel"), intents.cancel),
    ("POST", re.compile(r"/v1/refunds"), refunds.create),
    ("GET", re.compile(r"/v1/refunds"), refunds.list_),
    ("GET", re.compile(r"/v1/refunds/(\w+)"), refunds.retrieve),
    ("POST", re.compile(r"/v1/refunds/(\w+)"), refunds.update),
    ("POST", re.compile(r"/v1/refunds/(\w+)/cancel"), refunds.cancel),
    ("GET", re.compile(r"/v1/charges"), charges.list_),
    ("GET", re.compile(r"/v1/charges/(\w+)"), charges.retrieve),
    ("GET", re.compile(r"/v1/disputes"), disputes.list_),
    ("GET", re.compile(r"/v1/disputes/(\w+)"), disputes.retrieve),
    ("POST", re.compile(r"/v1/disputes/(\w+)"), disputes.update),
    ("POST", re.compile(r"/v1/disputes/(\w+)/close"), disputes.close),
    ("GET", re.compile(r"/v1/radar/early_fraud_warnings"), fraud_warnings.list_),
    ("GET", re.compile(r"/v1/radar/early_fraud_warnings/(\w+)"), fraud_warnings.retrieve),
    ("GET", re.compile(r"/v1/events"), events.list_),
    ("GET", re.compile(r"/v1/events/(\w+)"), events.retrieve),
    ("POST", re.compile(r"/v1/payment_methods"), lambda context, params: payment_methods.create(context.store, params)),
]
LONGEST_KEY = 255
PUBLIC_PATHS = frozenset({"/v1/payment_methods"})


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    body: str
    authorization: str
    idempotency_key: str

    @property
    def kept_under(self) -> str:
        """The key under which the answer is kept; empty if it is not."""
        return self.idempotency_key if self.method == "POST" else ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.path}\n{sorted(parse_qsl(self.body))}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Document
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure once work has begun: its answer is kept. `after`: it strikes after the commit, else nothing is done."""

    answer: Answer
    after: bool


class Api:
    """Answers requests one at a time, each in one transaction of the store."""

    def __init__(self, store: Store, faults: Faults, *, secret_key: str = "", publishable_key: str = "") -> None:
        self._store, self._faults = store, faults
        self._secret_key, self._publishable_key = secret_key, publishable_key
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def in_flight(self, request: Request) -> Iterator[None]:
        """Hold the request's idempotency key while it is processed. Raises ApiError 409 if another request holds it."""
        key = request.kept_under
        if not key:
            yield
            return
        if len(key) > LONGEST_KEY:
            raise invalid(f"Idempotency keys must be at most {LONGEST_KEY} characters.")
        with self._lock:
            if key in self._in_flight:
                raise ApiError(
                    409,
                    "idempotency_error",
                    "There is currently another in-progress request using this Idempotency Key.",
                    code="idempotency_key_in_use",
                )
            self._in_flight.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def answer(self, request: Request, public_url: str, failure: Failure | None = None) -> Answer:
        """Execute the request and commit before returning. Client errors are answers too.

        `failure` is answered in place of what the work came to, unless the request is refused before work begins.
        """
        try:
            self._check_key(request)
            with self._store.transaction():
                return self._answer_once(request, Context(self._store, self._faults, public_url), failure)
        except ApiError as error:
            return Answer(error.status, error.body)
        except Exception:
            logger.exception("%s %s failed.", request.method, request.path)
            answer = Answer(500, {"error": {"type": "api_error", "message": "The sandbox failed."}})
            with self._store.transaction():
                self._keep(request, answer)
            return answer

    def _answer_once(self, request: Request, context: Context, failure: Failure | None) -> Answer:
        stored = self._store.answer_of(request.kept_under) if request.kept_under else None
        if stored is not None:
            fingerprint, status, body = stored
            if fingerprint != request.fingerprint:
                raise ApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                )
            return Answer(status, body, replayed=True)
        with self._store.undone() if failure and not failure.after else nullcontext():
            answer = self._execute(request, context)
        if failure is not None:
            answer = failure.answer
        self._keep(request, answer)
        return answer

    def _keep(self, request: Request, answer: Answer) -> None:
        """Keep the answer under the request's key, if it has one."""
        if request.kept_under:
            self._store.keep_answer(request.kept_under, request.fingerprint, answer.status, answer.body)

    def _execute(self, request: Request, context: Context) -> Answer:
        handler, arguments = _route(request)
        params: Params = parse_form(request.body if request.method == "POST" else request.query)
        try:
            return Answer(200, expand(context, public(handler(context, params, *arguments)), params))
        except ApiError as error:
            if not error.saved:
                raise
            return Answer(error.status, error.body)

    def _check_key(self, request: Request) -> None:
        key = _api_key(request.authorization)
        if key.startswith("pk_") and request.path in PUBLIC_PATHS and key == (self._publishable_key or key):
            return
        if not key.startswith("sk_") or key != (self._secret_key or key):
            raise ApiError(401, "invalid_request_error", "Invalid API Key provided.", code="api_key_invalid")


def _route(request: Request) -> tuple[Handler, tuple[str, ...]]:
    for method, pattern, handler in ROUTES:
        match = pattern.fullmatch(request.path)
        if match and method == request.method:
            return handler, match.groups()
    raise invalid(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def _api_key(authorization: str) -> str:
    scheme, _space, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
