"""A small XML part as nodes that know where they stand in it, for changes by splicing.

Nothing is serialised: a node tells the raw range of an attribute, of its text or of itself, and the
caller replaces that range. For parts of some hundred elements (a table, a drawing, what surrounds
the cells of a sheet), never for the cells themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from deid.formats.ooxml import TOKEN, Splice, attributes, escape, local, unescape
from deid.later import later

_CDATA = later(r"(?s)<!\[CDATA\[(.*?)\]\]>")
_ASIDE = later(r"(?s)<!--.*?-->|<\?.*?\?>")


@dataclass(eq=False, slots=True)
class Node:
    """One element; the outermost has no name and holds everything."""

    xml: str
    tag: str
    start: int
    attrs_at: tuple[int, int]
    open_end: int
    parent: Node | None
    close_start: int = 0
    end: int = 0
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name without its prefix."""
        return local(self.tag)

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes, decoded, by qualified name."""
        return attributes(self.xml[slice(*self.attrs_at)])

    def get(self, name: str) -> str | None:
        """An attribute, decoded."""
        return self.attrs.get(name)

    @property
    def text(self) -> str:
        """What stands between its tags, decoded."""
        raw = self.xml[self.open_end : self.close_start]
        parts = _CDATA.split(_ASIDE.sub("", raw))
        return "".join(
            part if number % 2 else unescape(part, "xml") for number, part in enumerate(parts)
        )

    def walk(self) -> Iterator[Node]:
        """Every element inside, outer ones first."""
        for child in self.children:
            yield child
            yield from child.walk()

    def find(self, *names: str) -> Iterator[Node]:
        """The elements inside of these names."""
        return (node for node in self.walk() if node.name in names)

    def inside(self, *names: str) -> bool:
        """Whether an element of these names is around it."""
        above = self.parent
        while above is not None and above.name not in names:
            above = above.parent
        return above is not None

    def removed(self) -> Splice:
        """The splice that takes the element out."""
        return (self.start, self.end, "")

    def with_text(self, new: str) -> Splice:
        """The splice that gives it another text."""
        return (self.open_end, self.close_start, escape(new, "xml"))

    def with_attr(self, name: str, new: str | None) -> Splice:
        """The splice that sets an attribute, or takes it away."""
        raw = self.xml[slice(*self.attrs_at)]
        hit = re.search(rf"\s{re.escape(name)}\s*=\s*(?:\"[^\"]*\"|'[^']*')", raw)
        base = self.attrs_at[0]
        written = "" if new is None else f' {name}="{escape(new, "xml", attribute=True)}"'
        if hit is None:
            end = base + len(raw.rstrip().removesuffix("/").rstrip())
            return (end, end, written)
        return (base + hit.start(), base + hit.end(), written)


def parse_nodes(xml: str) -> Node:
    """The elements of a part or a piece of one: end tags without start are passed over, elements
    without end reach to its end."""
    root = Node(xml, "", 0, (0, 0), 0, None, len(xml), len(xml))
    above = root
    for token in TOKEN.finditer(xml):
        tag = token["tag"]
        if tag is None:
            continue
        if token["end"]:
            above = _closed(above, tag, token)
            continue
        node = Node(xml, tag, token.start(), token.span("attrs"), token.end(), above)
        above.children.append(node)
        node.close_start = node.end = len(xml)
        if token["attrs"].endswith("/"):
            node.close_start = node.end = token.end()
        else:
            above = node
    return root


def _closed(above: Node, tag: str, token: re.Match[str]) -> Node:
    node: Node | None = above
    while node is not None and node.tag != tag:
        node = node.parent
    if node is None or node.parent is None:
        return above
    node.close_start, node.end = token.span()
    return node.parent
