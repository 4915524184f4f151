"""A PromQL expression as a frozen tree that can be changed and printed again.

promql-parser reads; its own printer drops milliseconds and does not escape strings, and most of its nodes
cannot be changed, so what it read is kept in these small classes. `str(parse(text))`
means the same as `text`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from monitoring.durations import format_duration

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
SET_OPERATORS = ("and", "or", "unless")


class Node:
    """Any part of an expression."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _shift(offset: int, at: str) -> str:
    sign = "-" if offset < 0 else ""
    return (f" offset {sign}{format_duration(abs(offset))}" if offset else "") + at


@dataclass(frozen=True)
class Number(Node):
    value: float

    def __str__(self) -> str:
        if self.value in (float("inf"), float("-inf")):
            return "Inf" if self.value > 0 else "-Inf"
        return f"{self.value:.0f}" if float(self.value).is_integer() else repr(self.value)


@dataclass(frozen=True)
class Text(Node):
    value: str

    def __str__(self) -> str:
        return _quote(self.value)


@dataclass(frozen=True)
class Matcher:
    name: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.op}{_quote(self.value)}"


@dataclass(frozen=True)
class Selector(Node):
    """Durations are milliseconds; `range` is None for an instant; `at` is kept as text (" @ end()")."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    range: int | None = None
    offset: int = 0
    at: str = ""

    def __str__(self) -> str:
        labels = f"{{{','.join(map(str, self.matchers))}}}" if self.matchers else ""
        window = "" if self.range is None else f"[{format_duration(self.range)}]"
        return f"{self.metric}{labels}{window}{_shift(self.offset, self.at)}"


@dataclass(frozen=True)
class Call(Node):
    function: str
    args: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.args))})"


@dataclass(frozen=True)
class Aggregate(Node):
    """`grouping` is "by", "without" or empty."""

    op: str
    expr: Node
    param: Node | None = None
    grouping: str = ""
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        grouping = f" {self.grouping} ({', '.join(self.labels)}) " if self.grouping else ""
        param = f"{self.param}, " if self.param else ""
        return f"{self.op}{grouping}({param}{self.expr})"


@dataclass(frozen=True)
class Binary(Node):
    """`matching` is "on", "ignoring" or empty; `group` is "group_left", "group_right" or empty."""

    op: str
    lhs: Node
    rhs: Node
    return_bool: bool = False
    matching: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""
    include: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [str(self.lhs), self.op]
        words += ["bool"] if self.return_bool else []
        words += [f"{self.matching} ({', '.join(self.labels)})"] if self.matching else []
        words += [f"{self.group} ({', '.join(self.include)})"] if self.group else []
        return " ".join([*words, str(self.rhs)])


@dataclass(frozen=True)
class Paren(Node):
    expr: Node

    def __str__(self) -> str:
        return f"({self.expr})"


@dataclass(frozen=True)
class Negative(Node):
    expr: Node

    def __str__(self) -> str:
        return f"-{self.expr}"


@dataclass(frozen=True)
class Subquery(Node):
    expr: Node
    range: int
    step: int | None = None
    offset: int = 0
    at: str = ""

    def __str__(self) -> str:
        step = "" if self.step is None else format_duration(self.step)
        return f"{self.expr}[{format_duration(self.range)}:{step}]{_shift(self.offset, self.at)}"


NodeT = TypeVar("NodeT", bound=Node)


def bare(node: Node) -> Node:
    """The node without the parentheses around it."""
    return bare(node.expr) if isinstance(node, Paren) else node


def rebuild(node: NodeT, change: Callable[[Node], Node]) -> NodeT:
    """The node with `change` applied to each direct child; itself where that changes none of them."""
    new: dict[str, object] = {}
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        if isinstance(value, Node):
            if (changed := change(value)) is not value:
                new[name] = changed
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            several = tuple(change(child) for child in value)
            if any(now is not then for now, then in zip(several, value, strict=True)):
                new[name] = several
    return replace(node, **new) if new else node


def transform(node: Node, change: Callable[[Node], Node]) -> Node:
    """The tree with `change` applied to every node, children first."""
    return change(rebuild(node, lambda child: transform(child, change)))


def children(node: Node) -> list[Node]:
    """The direct children, in the order in which they are written."""
    found: list[Node] = []
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            found += value
    return found


def walk(node: Node) -> Iterator[Node]:
    """Every node, parents first, in the order in which they are written."""
    yield node
    for child in children(node):
        yield from walk(child)
