"""Text of product descriptions, which the platform exports as HTML."""

from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_document_state import HtmlDocumentState
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from lxml import etree, html

_SILENT = ("iframe", "noscript", "object", "template")
# Blocks in every browser, which the library's profile leaves inline; and tables, see below.
_BLOCKS = (
    "caption", "center", "dd", "details", "dl", "dt", "fieldset", "form", "hr", "legend", "option", "section",
    "summary", "table", "tr",
)  # fmt: skip
# `huge_tree` is for pictures inside of the text.
_PARSER = html.HTMLParser(huge_tree=True, encoding="utf-8")


def plain_text(body: str) -> str:
    """The text of an HTML fragment, one line per paragraph. The result is plain text: pages must still escape it."""
    if not body.strip():
        return ""
    try:
        tree = html.document_fromstring(body.encode(), parser=_PARSER)
    except etree.ParserError:  # nothing but comments
        return ""
    try:
        text = Inscriptis(tree, _CONFIGURATION).get_text()
    except RecursionError:
        text = " ".join(tree.itertext())
    return "\n".join(line for line in (" ".join(line.split()) for line in text.replace("\0", "").split("\n")) if line)


def _configuration() -> ParserConfig:
    """Reads cells one after the other, where the library lays them out side by side, which a page's fonts undo."""
    configuration = ParserConfig(
        css=STRICT_CSS_PROFILE
        | {tag: HtmlElement(display=Display.none) for tag in _SILENT}
        | {tag: HtmlElement(display=Display.block) for tag in _BLOCKS},
        custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(
            start_tag_mapping={"table": _pass, "tr": _pass, "td": _pass, "th": _pass, "ul": _start_list},
            end_tag_mapping={"table": _pass, "td": _end_cell, "th": _end_cell},
        ),
    )
    # Styles are of another shop's pages: text in closed tabs has `display: none`.
    configuration.attribute_handler.attribute_mapping = {}
    return configuration


def _pass(state: HtmlDocumentState, _attributes: object = None) -> None:
    """The tag needs no more than its style."""


def _start_list(state: HtmlDocumentState, _attributes: object = None) -> None:
    state.li_counter.append("• ")


def _end_cell(state: HtmlDocumentState) -> None:
    state.tags[-1].write(" ")


_CONFIGURATION = _configuration()
