"""The category tree (投诉分类), its versions, and what became of old codes (R14).

A code means one thing for ever: a leaf that is renamed, merged away or split gets another code and
a line in the new tree's ``remap``; a code that went never comes back. So a bare code, without the
tree's version, is enough to know what is meant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from policy import files
from policy.files import FileModel

Key = Annotated[str, StringConstraints(pattern=r"^[^\s.]{1,64}$")]


class NodeFile(FileModel):
    """A node, under its key. Without ``zh`` the English name stands for both."""

    en: Annotated[str, Field(min_length=1)]
    zh: Annotated[str, Field(min_length=1)] | None = None
    children: dict[Key, "NodeFile"] = Field(default_factory=dict)


class TreeFile(FileModel):
    """A file of ``categories/``."""

    version: Annotated[str, StringConstraints(pattern=r"^\S{1,64}$")]
    codes: Literal["path", "key"] = "path"
    """``path``: a code is that of its parent, a full stop and the key. ``key``: the key alone, for
    a city whose codes follow no such rule."""
    tree: Annotated[dict[Key, NodeFile], Field(min_length=1)]
    remap: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Leaves of the tree before that are gone, each with what it became."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node (节点); without children a leaf (末端节点)."""

    code: str
    zh: str
    en: str
    parent: str | None
    is_leaf: bool


@dataclass(frozen=True, slots=True)
class CategoryTree:
    """The tree in force and what it knows of the ones before."""

    version: str
    nodes: Mapping[str, Node]
    _older: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Leaf, in force or gone, to the gone codes that led to it."""
    _newer: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Gone code to leaves in force."""

    @property
    def remapped(self) -> Mapping[str, tuple[str, ...]]:
        """Every code that went, with the leaves in force that it became."""
        return self._newer

    def node(self, code: str) -> Node | None:
        """The node of a code in force, branch or leaf; None for any other code."""
        return self.nodes.get(code)

    def leaf(self, code: str) -> Node | None:
        """The leaf of a code in force; None for a branch, a code that went, an unknown one."""
        node = self.nodes.get(code)
        return node if node is not None and node.is_leaf else None

    def is_leaf(self, code: str) -> bool:
        """Whether the code is a leaf in force."""
        return self.leaf(code) is not None

    def leaves(self) -> Iterator[Node]:
        """All leaves in force, in the order of the file."""
        return (node for node in self.nodes.values() if node.is_leaf)

    def path(self, code: str) -> tuple[Node, ...]:
        """From the first-level node (一级节点) down to the code; empty for one not in force."""
        node = self.nodes.get(code)
        found: list[Node] = []
        while node is not None:
            found.append(node)
            node = self.nodes.get(node.parent) if node.parent is not None else None
        return tuple(reversed(found))

    def lineage(self, code: str) -> tuple[str, ...]:
        """The code and those of its branches, the leaf first; of an unknown code by full stops."""
        if code in self.nodes:
            return tuple(node.code for node in reversed(self.path(code)))
        parts = code.split(".")
        return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))

    def predecessors(self, leaf: str) -> tuple[str, ...]:
        """The leaf itself, then every code of an earlier tree that became it, directly or not.

        An unknown code has only itself: the platform is the authority, so it stays as it is and
        still equals itself.
        """
        return (leaf, *self._older.get(leaf, ()))

    def current(self, leaf: str) -> tuple[str, ...]:
        """What a code is called under the tree in force: several after a split, itself if known.

        An unknown code is kept as it is.
        """
        return self._newer.get(leaf, (leaf,))


def build(path: Path, file: TreeFile, before: CategoryTree | None) -> CategoryTree:
    """The tree of ``file``, following ``before``. Raises ``PolicyError``."""
    nodes: dict[str, Node] = {}
    _collect(path, file.codes, ("tree",), file.tree, None, nodes)
    leaves = {code for code, node in nodes.items() if node.is_leaf}
    old_leaves = {n.code for n in before.leaves()} if before else set()
    for old, targets in file.remap.items():
        if old not in old_leaves:
            raise files.fail(
                path, ("remap", old), targets, "is no leaf of the tree before; remove the line"
            )
        if old in leaves:
            raise files.fail(
                path,
                ("remap", old),
                targets,
                "is still a leaf; a code keeps its meaning, so give what changed a new code",
            )
        for index, target in enumerate(targets):
            if target not in leaves:
                raise files.fail(
                    path, ("remap", old, index), target, "is no leaf of this tree; name one"
                )
    for old in sorted(old_leaves - leaves - file.remap.keys()):
        raise files.fail(
            path, ("remap",), old, "is a leaf of the tree before and gone; say what it became"
        )
    if before is None:
        return CategoryTree(file.version, nodes)
    for code in leaves:
        if code in before._newer:
            raise files.fail(
                path,
                ("tree",),
                code,
                "went in an earlier tree; a code never comes back, choose another",
            )
    newer = {
        old: tuple(dict.fromkeys(new for code in codes for new in file.remap.get(code, (code,))))
        for old, codes in before._newer.items()
    } | dict(file.remap)
    older: dict[str, list[str]] = {code: list(codes) for code, codes in before._older.items()}
    for old, targets in file.remap.items():
        for target in targets:
            gained = older.setdefault(target, [])
            gained += [code for code in before.predecessors(old) if code not in gained]
    return CategoryTree(
        file.version, nodes, {code: tuple(codes) for code, codes in older.items()}, newer
    )


def _collect(
    path: Path,
    codes: Literal["path", "key"],
    loc: tuple[files.Key, ...],
    children: Mapping[str, NodeFile],
    parent: str | None,
    nodes: dict[str, Node],
) -> None:
    for key, each in children.items():
        code = f"{parent}.{key}" if parent and codes == "path" else key
        if code in nodes:
            raise files.fail(path, (*loc, key), code, "this code stands twice; give it another")
        nodes[code] = Node(code, each.zh or each.en, each.en, parent, not each.children)
        _collect(path, codes, (*loc, key, "children"), each.children, code, nodes)
