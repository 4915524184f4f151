"""A small picture of what an alert measured, as SVG that needs nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.proof.exhibits import Exhibits

WIDTH, HEIGHT = 640.0, 90.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Where everything is drawn, in units of the picture; y grows downwards."""

    lines: tuple[tuple[str, str], ...]
    """(the labels of a series, its points as SVG writes them)."""
    limit: float | None
    moments: tuple[tuple[str, float], ...]
    least: float
    most: float


def drawn(seen: Exhibits, moments: Iterable[tuple[str, float]]) -> Picture | None:
    """The picture of an alert's curves with moments (since the epoch) in it; None without a curve."""
    points = [point for curve in seen.curves for point in curve.points]
    if not points:
        return None
    values = [value for _, value in points] + ([] if seen.limit is None else [seen.limit])
    least, most = min(0.0, *values), max(values)
    first, last = min(at for at, _ in points), max(at for at, _ in points)

    def x(at: float) -> float:
        return WIDTH * (at - first) / ((last - first) or 1.0)

    def y(value: float) -> float:
        return HEIGHT * (1 - (value - least) / ((most - least) or 1.0))

    return Picture(
        lines=tuple(
            (
                ", ".join(f"{name}={value}" for name, value in curve.labels.items()),
                " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in curve.points),
            )
            for curve in seen.curves
        ),
        limit=None if seen.limit is None else y(seen.limit),
        moments=tuple((name, x(at)) for name, at in moments if first <= at <= last),
        least=least,
        most=most,
    )
