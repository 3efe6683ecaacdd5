"""A form of the admin in one person's browser: opened now, sent later, with all that the page has put into it."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Fields(HTMLParser):
    """The fields that a browser would send if nothing were touched, in order."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._form, self._inside = form, False
        self._select = self._textarea = ""
        self._single = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self._form
        name = given.get("name", "")
        if not self._inside or "disabled" in given:
            return
        if tag == "input" and name:
            kind = given.get("type", "text")
            if kind not in ("submit", "file") and (kind not in ("checkbox", "radio") or "checked" in given):
                self._add(name, given.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "select":
            self._select, self._single = name, "multiple" not in given
        elif tag == "option" and self._select:
            if "selected" in given:
                self.values[self._select] = [] if self._single else self.values.get(self._select, [])
                self._add(self._select, given.get("value", ""))
            elif self._single and self._select not in self.values:
                self._add(self._select, given.get("value", ""))
        elif tag == "textarea":
            self._textarea = name
            self._add(name, "")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.values[self._textarea][-1] = self.values[self._textarea][-1].removeprefix("\n")
            self._textarea = ""

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


def _as_sent(text: str) -> str:
    """Browsers send every line break as two characters."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


class OpenForm:
    """`form` is the id of the form in the page: `{model}_form`, or `changelist-form`."""

    def __init__(self, desk: Client, url: str, form: str) -> None:
        self.desk, self.url, self._form = desk, url, form
        self.page: Any = None
        self._read(desk.get(url))

    def _read(self, answer: Any) -> None:
        self.page = answer
        parser = _Fields(self._form)
        parser.feed(answer.content.decode())
        self.fields = {name: [_as_sent(value) for value in values] for name, values in parser.values.items()}

    @property
    def html(self) -> str:
        content: str = self.page.content.decode()
        return content

    def send(self, *, off: tuple[str, ...] = (), **typed: Any) -> int:
        """Send the form with these fields typed anew and these boxes unticked; returns the status.

        A page that comes back is the form's new state, as in a browser.
        """
        data = {name: values for name, values in {**self.fields, **typed}.items() if name not in off}
        answer = self.desk.post(self.url, data)
        if answer.status_code == 200:
            self._read(answer)
        return answer.status_code
