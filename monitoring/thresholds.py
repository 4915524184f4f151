"""The one number that decides an alert: where it is, and how to replace it everywhere it is stated."""

from dataclasses import replace

from monitoring.errors import CatalogError
from monitoring.promql import COMPARISONS, Binary, Negative, Node, Number, Paren, bare
from monitoring.promql_parse import parse

_SAID = "{{ $threshold := "
_EXPRESSIONS = ("verify", "evidence")  # where they compare, it is with the alert's number


def _number(node: Node) -> float | None:
    node = bare(node)
    if isinstance(node, Negative) and isinstance(node.expr, Number):
        return -node.expr.value
    return node.value if isinstance(node, Number) else None


def comparison(tree: Node) -> Binary | None:
    """The comparison with a single number that decides: at the top or left of `and`, `unless`."""
    tree = bare(tree)
    if not isinstance(tree, Binary):
        return None
    if tree.op in COMPARISONS:
        return tree if _number(tree.rhs) is not None else None
    return comparison(tree.lhs) if tree.op in ("and", "unless") else None


def threshold(tree: Node) -> float | None:
    """The deciding number, or None where the condition is not a comparison with a single number."""
    found = comparison(tree)
    return None if found is None else _number(found.rhs)


def has_limit(tree: Node) -> bool:
    """Whether that number is a limit. `up == 0` asks for a state: another number would turn it round."""
    found = comparison(tree)
    return found is not None and found.op[0] in "<>"


def with_threshold(tree: Node, value: float) -> Node:
    """The same condition with another number."""
    if isinstance(tree, Paren):
        return replace(tree, expr=with_threshold(tree.expr, value))
    if not isinstance(tree, Binary) or comparison(tree) is None:
        raise CatalogError(f"expected a comparison with a single number, found {tree}")
    if tree.op in COMPARISONS:
        number: Node = Number(value) if value >= 0 else Negative(Number(-value))
        return replace(tree, rhs=number)
    return replace(tree, lhs=with_threshold(tree.lhs, value))


def said_threshold(text: str) -> float | None:
    """The number an annotation states as `{{ $threshold := N }}`, or None."""
    _, found, rest = text.partition(_SAID)
    return float(rest.split("}}", 1)[0]) if found else None


def say_threshold(name: str, text: str, value: float) -> str:
    """The annotation with the new number: expressions compare with it, the others may bind `$threshold`."""
    if name in _EXPRESSIONS:
        tree = parse(text)
        return str(with_threshold(tree, value)) if comparison(tree) else text
    before, found, rest = text.partition(_SAID)
    if not found:
        return text
    return f"{before}{_SAID}{float(value)!r} }}}}{rest.split('}}', 1)[1]}"
