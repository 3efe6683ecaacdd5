"""The pages on privacy, sale and exchange: the shop's own text in Markdown, else the first version that ships here.

A text may name `{seller}` (who sells, line by line), `{shop}`, `{email}` and `{kept}` (what is kept for how long, from
the rules that the shop keeps).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import cache
from pathlib import Path

import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext
from markdown_it import MarkdownIt

from checkout.models import Policy
from config.formats import seller
from config.retention.rules import all_rules

FOLDER = Path(__file__).parent
# Everything else is dropped: no pictures, scripts, styles or forms.
TAGS = {"h2", "h3", "h4", "p", "br", "hr", "ul", "ol", "li", "strong", "em", "a", "blockquote", "code"}
ATTRIBUTES = {"a": {"href"}}
SCHEMES = {"http", "https", "mailto", "tel"}

_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~!&+-])")
_PLACEHOLDER = re.compile(r"\{(seller|shop|email|kept)\}")


@dataclass(frozen=True)
class PolicyText:
    html: SafeString
    # None for the first version.
    changed_at: datetime | None


def policy_text(page: str, language: str) -> PolicyText:
    """What the page says in a language. One statement."""
    own = Policy.objects.filter(page=page, language=language).exclude(text="").first()
    return PolicyText(
        html=rendered(own.text if own else first_version(page, language)),
        changed_at=own.updated_at if own else None,
    )


@cache
def first_version(page: str, language: str) -> str:
    return (FOLDER / f"{page}.{language}.md").read_text(encoding="utf-8")


def rendered(text: str) -> SafeString:
    """Markdown as HTML, in the active language. HTML in it is shown as text, whoever wrote it."""
    markdown = MarkdownIt("commonmark", {"html": False})
    tokens = markdown.parse(_PLACEHOLDER.sub(lambda found: _value(found[1]), text))
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"  # the page's own heading is its h1
    html = markdown.renderer.render(tokens, markdown.options, {})
    return mark_safe(  # noqa: S308 - sanitised right here
        nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener")
    )


def _value(name: str) -> str:
    """What stands for a placeholder, as Markdown."""
    if name == "seller":
        return "\\\n".join(map(_plain, seller()))
    if name == "kept":
        return "\n".join(f"- {line}" for line in _kept())
    if name == "email":
        address = settings.SELLER_EMAIL or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
        return f"[{_plain(address)}](mailto:{address})"
    return _plain(settings.SHOP_NAME)


def _kept() -> list[str]:
    return [f"{_plain(str(rule.what))}: {_days(rule.days)}; {_plain(str(rule.effect))}." for rule in all_rules()]


def _days(count: int) -> str:
    return ngettext("%(days)s day", "%(days)s days", count) % {"days": count}


def _plain(text: str) -> str:
    """Text of ours that Markdown must not interpret."""
    return _MARKDOWN_SIGNS.sub(r"\\\1", text)
