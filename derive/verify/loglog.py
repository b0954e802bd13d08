"""A small log–log plot as SVG text: a page of a hundred claims has a hundred of them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE, _RIGHT = 460, 280, 62, 42, 10, 12
_COLOURS = ("#b3261e", "#176f2c", "#1f5fa8")

Curve = tuple[str, Sequence[tuple[float, float]]]


def svg(curves: Sequence[Curve], across: str, upwards: str) -> str:
    """Curves of positive points with their names, axes labelled in powers of ten."""
    points = [p for _, ps in curves for p in ps if p[0] > 0 and p[1] > 0]
    if not points:
        return ""
    x0, x1 = _span([x for x, _ in points])
    y0, y1 = _span([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        u = _LEFT + (math.log10(x) - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
        v = _HEIGHT - _BELOW - (math.log10(y) - y0) / (y1 - y0) * (_HEIGHT - _BELOW - _ABOVE)
        return round(u, 1), round(v, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        'font-size="11" class="plot" role="img">'
    ]
    left, top = place(10**x0, 10**y1)
    right, bottom = place(10**x1, 10**y0)
    for k in _ticks(x0, x1):
        u, _ = place(10.0**k, 10.0**y0)
        parts += [_line(u, top, u, bottom), _power(u, bottom + 16, k, "middle")]
    for k in _ticks(y0, y1):
        _, v = place(10.0**x0, 10.0**k)
        parts += [_line(left, v, right, v), _power(left - 6, v + 4, k, "end")]
    for k, (name, ps) in enumerate(curves):
        colour = _COLOURS[k % len(_COLOURS)]
        path = " ".join(f"{u},{v}" for u, v in (place(x, y) for x, y in ps if x > 0 and y > 0))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        v = bottom - 10 - 15 * (len(curves) - 1 - k)
        parts.append(
            f'<text x="{right - 6}" y="{v}" fill="{colour}" text-anchor="end">{html.escape(name)}</text>'
        )
    middle = (left + right) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(across)}</text>')
    turned = f'transform="rotate(-90 14 {(top + bottom) / 2})"'
    parts.append(
        f'<text x="14" y="{(top + bottom) / 2}" text-anchor="middle" {turned}>{html.escape(upwards)}</text></svg>'
    )
    return "".join(parts)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    pad = max(0.05 * (high - low), 0.2)
    return low - pad, high + pad


def _ticks(low: float, high: float) -> list[int]:
    step = max(1, math.ceil((high - low) / 6))
    first = math.ceil(low / step) * step
    return list(range(first, math.floor(high) + 1, step))


def _line(a: float, b: float, c: float, d: float) -> str:
    return f'<line x1="{a}" y1="{b}" x2="{c}" y2="{d}" stroke="#d8dde3"/>'


def _power(u: float, v: float, k: int, anchor: str) -> str:
    return f'<text x="{u}" y="{v}" text-anchor="{anchor}">10<tspan dy="-4" font-size="8">{k}</tspan></text>'


__all__ = ["svg"]
