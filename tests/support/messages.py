"""`make messages`: bring the Portuguese catalogue up to date with the sources.

Babel reads the sources and writes the file, so that it works wherever the shop does: GNU gettext is not needed. The
file has one layout: in the order of the sources, with the files of each text but no lines, and no text broken. So it
changes only where a text has changed, and a second run changes nothing.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

REPOSITORY = Path(__file__).resolve().parents[2]
CATALOGUE = REPOSITORY / "config/locale/pt_BR/LC_MESSAGES/django.po"
SOURCES = ("cart", "checkout", "config", "inventory", "payments", "shipping")
TEMPLATES = (".html", ".txt")
# By function: which arguments are texts, and which is the context ("c").
KEYWORDS = {
    name: spec
    for names, spec in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), None),
        (("ngettext", "ngettext_lazy"), (1, 2)),
        (("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
        (("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
    )
    for name in names
}
_INDENTATION = re.compile(r"^\s+", re.MULTILINE)


def texts() -> Catalog:
    """What the sources say, untranslated."""
    found = Catalog()
    for path in _sources():
        name = path.relative_to(REPOSITORY).as_posix()
        for _line, text, _comments, context in extract("python", BytesIO(_as_python(path)), KEYWORDS):
            found.add(text, locations=[(name, None)], context=context)
    return found


def _sources() -> Iterator[Path]:
    for app in SOURCES:
        for path in sorted((REPOSITORY / app).rglob("*")):
            if path.suffix == ".py" or (path.suffix in TEMPLATES and "templates" in path.parts):
                yield path


def _as_python(path: Path) -> bytes:
    """A source as something that reads like Python; of a template Django keeps only the texts."""
    source = path.read_text()
    if path.suffix != ".py":
        source = _INDENTATION.sub("", templatize(source, origin=str(path)))
    return source.encode()


def updated(old: str) -> str:
    """The catalogue `old` with the texts that the sources have now: new ones untranslated, others' gone."""
    catalogue = read_po(BytesIO(old.encode()), locale="pt_BR")
    catalogue.update(texts(), no_fuzzy_matching=True)
    body = BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, include_lineno=False, ignore_obsolete=True)
    header, _blank, _entries = old.partition("\n\n")
    return f"{header}\n\n{body.getvalue().decode().strip()}\n"


def untranslated(catalogue: str) -> list[str]:
    messages = read_po(BytesIO(catalogue.encode()), locale="pt_BR")
    return [str(message.id) for message in messages if message.id and not _is_complete(message)]


def _is_complete(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def main() -> None:
    new = updated(CATALOGUE.read_text())
    CATALOGUE.write_text(new)
    for text in untranslated(new):
        sys.stdout.write(f"Still to be translated: {text}\n")


if __name__ == "__main__":
    main()
