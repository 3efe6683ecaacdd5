"""Silent browser errors: console messages, blocked sources, requests to unknown hosts, error responses."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response

# Chromium logs a line for each response from 400 on. Responses are judged by their status instead.
_ANSWERED = "Failed to load resource: the server responded with a status of"
# Refusals that the page or HTMX shows to the shopper.
REFUSALS = {402, 404, 409, 422, 429, 503}


class Watch:
    """Collects the errors of every page of a context, except those `expected` by a test that breaks something."""

    def __init__(
        self, context: BrowserContext, *, own: str, provider: str, expected: re.Pattern[str] | None = None
    ) -> None:
        self._expected = expected
        self._known = {_origin(own), _origin(provider)}
        self._found: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self._found.append(f"script error: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def check(self) -> None:
        assert [found for found in self._found if not (self._expected and self._expected.search(found))] == []

    def _console(self, message: ConsoleMessage) -> None:
        blocked = "Content Security Policy" in message.text
        if blocked or (message.type == "error" and not message.text.startswith(_ANSWERED)):
            self._found.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob"} and _origin(request.url) not in self._known:
            self._found.append(f"unknown host called: {request.url}")

    def _response(self, response: Response) -> None:
        words = response.request.resource_type in {"document", "xhr", "fetch"}
        if response.status >= 400 and not (words and response.status in REFUSALS):
            self._found.append(f"{response.status} for {response.request.method} {response.url}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
