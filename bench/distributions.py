"""Draws distributions as an SVG: for each situation one curve per program, the share of devices that
were right after a time, on a logarithmic axis."""

import math
from html import escape

COLORS = ["#1b7837", "#7fbf7b", "#2166ac", "#b2182b", "#8c6d00"]
WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 900, 150, 60, 290, 60, 56
FROM, TO = 10.0, 1e8  # microseconds
TICKS = {1e1: "10 µs", 1e2: "100 µs", 1e3: "1 ms", 1e4: "10 ms", 1e5: "100 ms", 1e6: "1 s",
         1e7: "10 s", 1e8: "100 s"}


def x_of(usec):
    share = math.log(min(max(usec, FROM), TO) / FROM) / math.log(TO / FROM)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def curve(samples, never, top):
    ordered = sorted(samples)
    share = len(samples) / (len(samples) + never)
    points = []
    steps = min(len(ordered), 200)
    for i in range(steps + 1):
        at = ordered[min(len(ordered) - 1, i * len(ordered) // steps)]
        points.append(f"{x_of(at):.1f},{top + PANEL * (1 - share * i / steps):.1f}")
    return " ".join(points)


def panel(title, lines, top, colors):
    out = [f'<text x="{LEFT}" y="{top - 10}" class="title">{escape(title)}</text>']
    for usec, label in TICKS.items():
        x = x_of(usec)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + PANEL}" class="grid"/>')
        out.append(f'<text x="{x:.1f}" y="{top + PANEL + 16}" text-anchor="middle">{label}</text>')
    for share in (0, 50, 100):
        y = top + PANEL * (1 - share / 100)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="grid"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{share} %</text>')
    for row, (name, (samples, never)) in enumerate(lines.items()):
        y = top + 14 + 20 * row
        out.append(f'<line x1="{WIDTH - RIGHT + 20}" x2="{WIDTH - RIGHT + 44}" y1="{y - 4}" '
                   f'y2="{y - 4}" stroke="{colors[name]}" stroke-width="3"/>')
        shown = name if samples else name + ": never"
        out.append(f'<text x="{WIDTH - RIGHT + 52}" y="{y}">{escape(shown)}</text>')
        if samples:
            out.append(f'<polyline points="{curve(samples, never, top)}" fill="none" '
                       f'stroke="{colors[name]}" stroke-width="2"/>')
    return out


def draw(path, situations):
    names = list(dict.fromkeys(name for lines in situations.values() for name in lines))
    colors = dict(zip(names, COLORS))
    height = TOP + len(situations) * (PANEL + GAP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        "<style>.grid{stroke:#ddd}.title{font-weight:bold;font-size:14px}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="22">Share of the devices that are right so long after the kernel announced them '
        "(or after a foreign write); at the left edge: within 10 µs, or before</text>",
    ]
    for i, (title, lines) in enumerate(situations.items()):
        out += panel(title, lines, TOP + i * (PANEL + GAP), colors)
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
