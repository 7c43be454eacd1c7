"""Curves of growth as an SVG: processor time, memory and requests against the work, both axes in
powers of ten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.growth import Point

_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 260, 56, 48
"""One panel's plot, and what stands beside and above it."""
_STEP = _WIDTH + _LEFT + 24
_COLOURS = ("#1f77b4", "#2a9d4a", "#c0392b", "#8e44ad", "#b8860b")

Value = Callable[["Point"], "float | None"]
_PANELS: Sequence[tuple[str, Value]] = (
    ("seconds of processor time", lambda point: point.processor),
    ("MB of memory", lambda point: point.memory),
    ("requests", lambda point: point.requests),
)


def drawn(points: Mapping[str, Sequence[Point]], pieces: Mapping[str, str]) -> str:
    """The SVG's text: a panel for each of time, memory and requests, a line for each command."""
    width, height = _STEP * len(_PANELS) + 20, _HEIGHT + _TOP + 70
    body = [part for place, panel in enumerate(_PANELS) for part in _panel(place, *panel, points)]
    legend = [
        f'<g transform="translate({_LEFT + 215 * i},{height - 14})"><rect width="14" height="4"'
        f' y="-5" fill="{_COLOURS[i]}"/><text x="20">{command} ({pieces[command]})</text></g>'
        for i, command in enumerate(points)
    ]
    style = "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}line{stroke:#ddd}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"<title>Time, memory and requests against the work</title>\n<style>{style}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join([*body, *legend])
        + "\n</svg>\n"
    )


def _panel(
    place: int, title: str, value: Value, points: Mapping[str, Sequence[Point]]
) -> Iterator[str]:
    known = {
        command: [(point.size, found) for point in line if (found := value(point))]
        for command, line in points.items()
    }
    pairs = [pair for line in known.values() for pair in line]
    x = _Scale([size for size, _ in pairs], _WIDTH)
    y = _Scale([found for _, found in pairs], _HEIGHT)
    yield f'<g transform="translate({_LEFT + _STEP * place},{_TOP})">'
    yield f'<text class="t" y="-14">{title}</text>'
    for power in range(x.low, x.high + 1):
        at = x(10**power)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{_HEIGHT}"/>'
        yield f'<text x="{at:.1f}" y="{_HEIGHT + 18}" text-anchor="middle">{10**power:,}</text>'
    for power in range(y.low, y.high + 1):
        at = _HEIGHT - y(10.0**power)
        yield f'<line x1="0" x2="{_WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text x="-6" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
    for colour, line in zip(_COLOURS, known.values(), strict=False):
        places = [f"{x(size):.1f},{_HEIGHT - y(found):.1f}" for size, found in line]
        yield (
            f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}"'
            ' stroke-width="2"/>'
        )
        yield from (
            f'<circle cx="{at.partition(",")[0]}" cy="{at.partition(",")[2]}" r="3"'
            f' fill="{colour}"/>'
            for at in places
        )
    yield "</g>"


class _Scale:
    """Powers of ten along so many pixels, from the one at or below the least value to the one at or
    above the greatest."""

    def __init__(self, values: Sequence[float], pixels: int) -> None:
        self.low = floor(log10(min(values)))
        self.high = max(ceil(log10(max(values))), self.low + 1)
        self._pixels = pixels

    def __call__(self, value: float) -> float:
        return (log10(value) - self.low) / (self.high - self.low) * self._pixels
