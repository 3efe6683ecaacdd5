"""Loads templates, and renders once what shows the same each time.

Most nodes of a page's template are plain text, `{% translate "…" %}`, `{% url "…" %}`, `{% static "…" %}` and tags
marked `fixed`, all with constant arguments: only the language decides what they show. Neighbours of this kind become
one node, which keeps what it rendered for each language. What depends on the request, the user, a nonce, a token or a
variable is none of these, and is rendered each time.

Before that, parents and included templates are put in (`config.rendering.linking`), so that neighbours are many.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, TypeVar

from django.template import Context
from django.template.base import FilterExpression, Node, NodeList, Template, TextNode, Variable
from django.template.defaulttags import URLNode
from django.template.library import SimpleNode
from django.template.loaders import base, cached
from django.templatetags.i18n import LanguageNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import get_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from config.rendering.linking import link, nodelists

Tag = TypeVar("Tag", bound=Callable[..., Any])
# Language and script prefix.
Place = tuple[str | None, str]
# Addresses in a namespace follow the request: the same name may lead to another instance of an app, as in the admin.
_ADMIN = "admin:"


def fixed(tag: Tag) -> Tag:
    """Mark a simple tag whose text depends on its arguments, the language and the settings alone."""
    vars(tag)["fixed"] = True
    return tag


class FixedNodes(Node):
    """Neighbours that show the same for one language. Rendering them twice at once is harmless."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodelist = NodeList(nodes)
        self._texts: dict[tuple[Place, bool], str] = {}

    def render_annotated(self, context: Context) -> str:
        key = (_place(context), context.autoescape)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = self.nodelist.render(context)
        return text

    def render(self, context: Context) -> SafeString:
        return SafeString(self.render_annotated(context))


def _place(context: Context) -> Place:
    """Asked for once a rendering: a page has dozens of such nodes."""
    kept: dict[Any, Any] = context.render_context.dicts[-1]
    place: Place | None = kept.get(FixedNodes)
    if place is None:
        place = kept[FixedNodes] = (get_language(), get_script_prefix())
    return place


class _Preparing(base.Loader):
    def get_template(self, template_name: str, skip: list[Any] | None = None) -> Template:
        template = super().get_template(template_name, skip)
        if not skip:
            link(template, super().get_template)
        _join(template.nodelist)
        return template


class Loader(cached.Loader, _Preparing):
    """Django's caching loader, which keeps the linked and joined templates.

    A parent that is put in only while a child is rendered is asked for with what to `skip`: its children. It is kept
    beside the linked template of its name, which has no blocks any more for a child to fill.
    """

    def cache_key(self, template_name: str, skip: list[Any] | None = None) -> str:
        key = str(super().cache_key(template_name, skip))
        return f"{key} as a parent" if skip else key


def _join(nodes: NodeList) -> None:
    joined: list[Node] = []
    for is_fixed, neighbours in groupby(nodes, _is_fixed):
        found = list(neighbours)
        if is_fixed and not all(isinstance(node, TextNode) for node in found):
            joined.append(FixedNodes(found))
        else:
            joined += found
    nodes[:] = joined
    for node in joined:
        if not isinstance(node, FixedNodes | LanguageNode):
            for inner in nodelists(node):
                _join(inner)


def _is_fixed(node: Node) -> bool:
    if any(getattr(node, name, None) for name in ("asvar", "target_var", "varname")):
        return False  # it sets a variable
    match node:
        case TextNode():
            return True
        case TranslateNode():
            return not node.message_context and _is_constant(node.filter_expression)
        case URLNode():
            named = _is_constant(node.view_name) and not str(node.view_name.var).startswith(_ADMIN)
            return named and not node.args and not node.kwargs
        case StaticNode():
            return _is_constant(node.path)
        case SimpleNode() if type(node) is SimpleNode:  # a tag with a block is one too
            arguments = [*node.args, *node.kwargs.values()]
            return hasattr(node.func, "fixed") and not node.takes_context and all(map(_is_constant, arguments))
    return False


def _is_constant(expression: FilterExpression) -> bool:
    known = expression.var.lookups is None if isinstance(expression.var, Variable) else True
    return known and not expression.filters
