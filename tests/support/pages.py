"""A visitor whose browser runs no scripts: pages, their forms, and submitting them.

Page tests see what such a browser sees; what scripts add is tested in the journeys. Page tests use the fixture
`static_files_from_apps`.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.template.autoreload import reset_loaders
from django.test import Client


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._open)
        elif self._open is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form, name = self._open, given.get("name", "")
        assert form is not None
        if tag == "button" and name:
            form.buttons.append((name, given.get("value", "")))
        elif tag == "input" and name and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            form.fields[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in form.fields):
            form.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""


class Page:
    """A response as a visitor sees it."""

    def __init__(self, visitor: "Visitor", response: Any) -> None:
        self._visitor = visitor
        self.response = response
        self.status: int = response.status_code
        self.html: str = response.content.decode()
        self.url: str = response.request["PATH_INFO"]
        self.query: str = response.request.get("QUERY_STRING", "")
        parser = _Forms()
        parser.feed(self.html)
        self.forms = parser.forms

    def form(self, action: str) -> Form:
        """The form whose action begins with `action`."""
        found = [form for form in self.forms if (form.action or self.url).startswith(action)]
        assert found, f"There is no form for {action} on {self.url}: {[form.action for form in self.forms]}"
        return found[0]

    def send(self, action: str, **typed: str) -> "Page":
        """Fill in the form and submit it; other fields keep the values from the page."""
        form = self.form(action)
        data = {**form.fields, **typed}
        sent = self._visitor.client.post if form.method == "post" else self._visitor.client.get
        return Page(self._visitor, sent(form.action or self.url, data, follow=True))


class Visitor:
    """A person and their browser. `language` is the browser's Accept-Language."""

    def __init__(self, language: str = "en") -> None:
        self.client = Client(headers={"accept-language": language})

    def open(self, url: str, **headers: str) -> Page:
        return Page(self, self.client.get(url, follow=True, headers=headers))


@receiver(setting_changed, dispatch_uid="render_fixed_parts_anew")
def render_fixed_parts_anew(*, setting: str, **_more: object) -> None:
    """A process keeps the fixed parts of its pages (`config.rendering`), whose settings change in tests alone."""
    if setting in ("STORAGES", "STATIC_URL", "ROOT_URLCONF"):
        reset_loaders()


@pytest.fixture
def static_files_from_apps(settings, tmp_path) -> None:
    """Serve static files from the apps: `collectstatic` has not run before a test."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()
