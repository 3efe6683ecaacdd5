"""Puts a template together while it is loaded: what it extends and includes takes the place of the tags.

Django does this at each rendering. Here only what cannot be known before is left to it: names from variables, parents
whose blocks ask for `block.super`, `only`, templates that include themselves.
"""

from collections.abc import Callable, Iterable, Iterator

from django.template import TemplateDoesNotExist
from django.template.base import FilterExpression, Node, NodeList, Template
from django.template.context import Context
from django.template.defaulttags import CommentNode, CycleNode, IfChangedNode, IfNode, LoadNode, WithNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.utils.safestring import SafeString

# A template as it was written, and one of its own for each call: its nodes are moved.
Load = Callable[[str], Template]

# What the tags of Django and those registered with its decorators call the name of a variable that they set.
_SETS = ("asvar", "target_var", "varname", "variable", "variable_name", "var_name")


class Scope(Node):
    """What its nodes set ends with it, as it does in a block and in an included template."""

    def __init__(self, nodes: NodeList) -> None:
        self.nodelist = nodes

    def render(self, context: Context) -> SafeString:
        with context.push():
            return self.nodelist.render(context)


def link(template: Template, load: Load) -> None:
    """Put its parents and what it includes into the template."""
    names = (str(template.name),)
    template.nodelist = _with_parents(template, load)
    _replace_includes(template.nodelist, load, names)


def nodelists(node: Node) -> list[NodeList]:
    """The lists of nodes inside a node, to be changed in place."""
    if isinstance(node, IfNode):
        return [nodelist for _condition, nodelist in node.conditions_nodelists]
    found = (getattr(node, name, None) for name in node.child_nodelists)
    return [nodelist for nodelist in found if isinstance(nodelist, NodeList)]


def _with_parents(template: Template, load: Load) -> NodeList:
    """The nodes of the first ancestor, with the blocks of those that extend it; the template's own if it has none."""
    blocks: dict[str, NodeList] = {}
    seen = {template.name}
    ancestor = template
    while extends := _extends(ancestor):
        name = _constant(extends.parent_name)
        if name is None or name in seen or _asks_for_super(ancestor):
            return template.nodelist
        seen.add(name)
        for block_name, block in extends.blocks.items():
            blocks.setdefault(block_name, block.nodelist)
        try:
            ancestor = load(name)
        except TemplateDoesNotExist:  # told when it is rendered
            return template.nodelist
    if ancestor is not template:
        _replace_blocks(ancestor.nodelist, blocks)
    return ancestor.nodelist


def _extends(template: Template) -> ExtendsNode | None:
    return next((node for node in template.nodelist if isinstance(node, ExtendsNode)), None)


def _asks_for_super(template: Template) -> bool:
    tokens = (node.token for node in template.nodelist.get_nodes_by_type(Node))
    return any("block.super" in token.contents for token in tokens if token)


def _replace_blocks(nodes: NodeList, blocks: dict[str, NodeList]) -> None:
    def content(node: Node) -> Iterable[Node]:
        return _scoped(blocks.get(node.name, node.nodelist)) if isinstance(node, BlockNode) else [node]

    _replace(nodes, content)
    if any(isinstance(node, BlockNode) for node in nodes):  # blocks in blocks
        _replace_blocks(nodes, blocks)
        return
    for inner in _inner(nodes):
        _replace_blocks(inner, blocks)


def _replace_includes(nodes: NodeList, load: Load, names: tuple[str, ...]) -> None:
    def content(node: Node) -> Iterable[Node]:
        if isinstance(node, LoadNode | CommentNode):
            return []
        return _included(node, load, names) if isinstance(node, IncludeNode) else [node]

    for inner in _inner(nodes):
        _replace_includes(inner, load, names)
    _replace(nodes, content)


def _included(node: IncludeNode, load: Load, names: tuple[str, ...]) -> Iterable[Node]:
    name = _constant(node.template)
    if name is None or name in names or node.isolated_context:
        return [node]
    try:
        template = load(name)
    except TemplateDoesNotExist:  # told when it is rendered, if it is
        return [node]
    nodes = _with_parents(template, load)
    if _extends(template) in nodes or _keeps_state(nodes):
        return [node]
    _replace_includes(nodes, load, (*names, name))
    return [WithNode(None, None, nodes, node.extra_context)] if node.extra_context else _scoped(nodes)


def _keeps_state(nodes: NodeList) -> bool:
    """Whether what they show depends on what was rendered before: an included template begins anew."""
    return any(nodes.get_nodes_by_type(kind) for kind in (BlockNode, CycleNode, IfChangedNode))


def _scoped(nodes: NodeList) -> Iterable[Node]:
    sets = any(getattr(node, name, None) for node in nodes.get_nodes_by_type(Node) for name in _SETS)
    return [Scope(nodes)] if sets else nodes


def _replace(nodes: NodeList, content: Callable[[Node], Iterable[Node]]) -> None:
    nodes[:] = [replacement for node in nodes for replacement in content(node)]


def _inner(nodes: NodeList) -> Iterator[NodeList]:
    return (nodelist for node in nodes for nodelist in nodelists(node))


def _constant(expression: FilterExpression | Node) -> str | None:
    if not isinstance(expression, FilterExpression):
        return None
    return expression.var if isinstance(expression.var, str) and not expression.filters else None
