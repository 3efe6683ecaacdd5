"""The HTTP client of Stripe's SDK: its documented hook, over urllib3.

The SDK's own client goes through requests, which reads the environment's proxies anew at each call. This one reads them
once, shares kept connections among threads, and tries once more if Stripe has closed a kept one.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

# More than a process has threads: none opens a connection for one call only.
MOST_CONNECTIONS = 64
# A connection that was closed while it was idle fails at once. What fails later may have reached Stripe.
AT_ONCE_SECONDS = 1.0


# Body, status, headers: what the SDK's hook wants.
Answer = tuple[Any, int, Mapping[str, str]]


class ClosedWhileIdle(OSError):
    """A kept connection ended before a byte of the answer."""


class _Kept:
    """Mixin for urllib3's connections: tells one that has answered before from a new one."""

    _answers = 0

    def connect(self) -> None:
        self._answers = 0
        super().connect()  # type: ignore[misc]

    def getresponse(self) -> Any:
        try:
            answer = super().getresponse()  # type: ignore[misc]
        except ConnectionError as error:
            if self._answers:
                raise ClosedWhileIdle from error
            raise
        self._answers += 1
        return answer


class _KeptHTTP(_Kept, HTTPConnection): ...


class _KeptHTTPS(_Kept, HTTPSConnection): ...


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _KeptHTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _KeptHTTPS


class PooledClient(stripe.HTTPClient):
    """Thread-safe. Follows no redirect. `HTTPS_PROXY` and `NO_PROXY` count as they were when it was made."""

    name = "urllib3"

    def __init__(self, api_base: str, *, connect_seconds: float, read_seconds: float) -> None:
        super().__init__()
        settings: dict[str, Any] = {
            "maxsize": MOST_CONNECTIONS,
            "timeout": urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            "retries": False,
            "ca_certs": stripe.ca_bundle_path,
        }
        proxy = _proxy_for(api_base)
        self._pools = urllib3.PoolManager(**settings)
        if proxy:
            self._pools = urllib3.ProxyManager(proxy, proxy_headers=_credentials_in(proxy), **settings)
        self._pools.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> Answer:
        """One call. Raises APIConnectionError."""
        headers = {"Accept-Encoding": "gzip, deflate", **(headers or {})}
        began = time.monotonic()
        try:
            return self._exchange(method, url, headers, post_data)
        except (HTTPError, OSError) as error:
            at_once = time.monotonic() - began < AT_ONCE_SECONDS
            if at_once and _was_closed_while_idle(error):
                answer = self._try_again(method, url, headers, post_data)
                if answer is not None:
                    return answer
            message = f"No answer: {type(error).__name__}"
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]

    def _try_again(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer | None:
        """The answer to the same request, with the same idempotency key, over another connection.

        None if it does not tell what became of the first, which Stripe may have carried out: refused, or limited.
        """
        with suppress(HTTPError, OSError):
            answer = self._exchange(method, url, headers, body)
            if answer[1] != HTTPStatus.TOO_MANY_REQUESTS:
                return answer
        return None

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        answer = self._pools.urlopen(method.upper(), url, body=body, headers=headers, redirect=False)
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        self._pools.clear()


def _was_closed_while_idle(error: Exception) -> bool:
    return any(isinstance(cause, ClosedWhileIdle) for cause in error.args)


def _proxy_for(api_base: str) -> str | None:
    address = urlsplit(api_base)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")


def _credentials_in(proxy: str) -> dict[str, str]:
    address = urlsplit(proxy)
    if not address.username:
        return {}
    credentials = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return dict(urllib3.make_headers(proxy_basic_auth=credentials))
