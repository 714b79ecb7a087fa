# SPDX-License-Identifier: BSL-1.0
"""Plots as SVG, without any package: lines over a logarithmic axis, bars where points are at words, or small panels on
the same axes.

What is needed to read a picture stands in it: title, axes with units, legend, spread, machine. It follows the reader's
choice of a light or a dark background.
"""
import math
from html import escape

COLOURS = ("#2f77c4", "#d2602f", "#2f9a55", "#8e62b8", "#b8860b", "#12979a", "#b8436f", "#808080", "#7a9a2e", "#d07aa8",
           "#6a6ad8", "#a0703f")
DASHES = ("none", "8 4", "2 4", "10 3 2 3")
PANEL_LOOKS = (("#2f77c4", "none", 2.6), ("#2f77c4", "5 3", 1.8), ("#d2602f", "none", 2), ("#808080", "2 3", 1.8))
WIDTH, MARGIN, LINE = 960, 64, 20
STYLE = """<style>
text{font-family:"DejaVu Sans",Verdana,Arial,sans-serif}
.paper{fill:#fff}.ink{fill:#1b1f24}.soft{fill:#59636e}.grid{stroke:#dfe3e8}.axis{stroke:#1b1f24}
@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9aa4af}.grid{stroke:#2a313a}.axis{stroke:#c3ccd6}}
</style>"""


def text(x, y, what, size=13, anchor="start", extra="", kind="ink"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {extra}>{escape(what)}</text>'


def line(x1, y1, x2, y2, colour="", width=1.0, extra="", kind="axis"):
    stroke = f'stroke="{colour}"' if colour else f'class="{kind}"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {stroke} stroke-width="{width}" {extra}/>'


def short(value):
    """1024 as 1K, 10000000 as 10M, 0.05 as 0.05."""
    for unit, name in ((1 << 20, "M"), (1000000, "M"), (1 << 10, "K")):
        if value % unit == 0 and value > 0:
            return f"{value / unit:g}{name}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def picture(title, height, body, note):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        STYLE, f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        text(WIDTH / 2, 28, title, 17, "middle", 'font-weight="bold"'), *body,
        text(WIDTH / 2, height - 10, note, 11, "middle", kind="soft"), "</svg>", ""])


def steps(low, high):
    """1, 2, 5, 10 ... around the values, both ends included."""
    found = [m * 10.0 ** e for e in range(-6, 9) for m in (1, 2, 5)]
    below = max((v for v in found if v <= low * 1.0001), default=found[0])
    above = min((v for v in found if v >= high * 0.9999), default=found[-1])
    return [v for v in found if below <= v <= above]


def looks(names, name):
    """Colour and dash of a series. Where all are named "what, how", a colour says what and a dash how."""
    whats = list(dict.fromkeys(n.rpartition(", ")[0] for n in names))
    hows = list(dict.fromkeys(n.rpartition(", ")[2] for n in names))
    what, _, how = name.rpartition(", ")
    if "" in whats or len(hows) > len(DASHES):
        number = names.index(name)
        return COLOURS[number % len(COLOURS)], f'stroke-dasharray="{DASHES[number // len(COLOURS) % len(DASHES)]}"'
    return COLOURS[whats.index(what) % len(COLOURS)], f'stroke-dasharray="{DASHES[hows.index(how)]}"'


def lines(axes, points, note):
    names = list(dict.fromkeys(p["series"] for p in points))
    bottom, top, left, right = 520, 50, MARGIN + 14, WIDTH - 325
    xs = sorted({p["at"] for p in points})
    ys = steps(min(p["lo"] for p in points), max(p["hi"] for p in points))
    first, last = math.log(xs[0]), math.log(max(xs[-1], xs[0] * 2))
    low, high = math.log(ys[0]), math.log(max(ys[-1], ys[0] * 2))

    def across(x):
        return left + (math.log(x) - first) / (last - first) * (right - left)

    def up(y):
        return bottom - (math.log(y) - low) / (high - low) * (bottom - top)

    out = []
    for y in ys:
        out += [line(left, up(y), right, up(y), kind="grid"), text(left - 8, up(y) + 4, short(y), 12, "end")]
    edge = -99.0
    for x in xs:
        out.append(line(across(x), bottom, across(x), bottom + 5))
        if across(x) - edge > 34:
            edge = across(x)
            out.append(text(edge, bottom + 20, short(x), 12, "middle"))
    out += [line(left, bottom, right, bottom), line(left, top, left, bottom),
            text((left + right) / 2, bottom + 44, axes["x"] + " (logarithmic)", 13, "middle"),
            text(0, 0, axes["y"] + " (logarithmic)", 13, "middle",
                 f'transform="translate(18,{(top + bottom) / 2:.1f}) rotate(-90)"')]
    for i, name in enumerate(names):
        colour, dash = looks(names, name)
        mine = sorted((p for p in points if p["series"] == name), key=lambda p: p["at"])
        path = " ".join(f"{across(p['at']):.1f},{up(p['y']):.1f}" for p in mine)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" {dash}/>')
        for p in mine:
            x = across(p["at"])
            out += [line(x, up(p["lo"]), x, up(p["hi"]), colour, 1.5),
                    f'<circle cx="{x:.1f}" cy="{up(p["y"]):.1f}" r="3.2" fill="{colour}"/>']
        y = top + 12 + i * LINE
        out += [line(right + 12, y - 4, right + 44, y - 4, colour, 2.5, dash), text(right + 50, y, name, 12)]
    return picture(axes["title"], max(bottom + 84, top + 40 + len(names) * LINE), out, note)


def bars(axes, points, note):
    names = list(dict.fromkeys(p["series"] for p in points))
    groups = list(dict.fromkeys(p["at"] for p in points))
    left, right, top, thick = 260, WIDTH - 90, 84, 15
    largest = max(p["hi"] for p in points)
    out, y = [], top
    for i, group in enumerate(groups):
        x = left + i * (right - left) / len(groups)
        out += [f'<rect x="{x:.1f}" y="50" width="13" height="13" fill="{COLOURS[i % len(COLOURS)]}"/>',
                text(x + 19, 61, group, 12)]
    for name in names:
        mine = [p for group in groups for p in points if p["series"] == name and p["at"] == group]
        out.append(text(left - 10, y + thick * len(mine) / 2 + 4, name, 12, "end"))
        for p in mine:
            def across(value):
                return left + value / largest * (right - left)
            colour = COLOURS[groups.index(p["at"]) % len(COLOURS)]
            out += [f'<rect x="{left}" y="{y}" width="{across(p["y"]) - left:.1f}" height="{thick - 2}" fill="{colour}"/>',
                    line(across(p["lo"]), y + thick / 2 - 1, across(p["hi"]), y + thick / 2 - 1, width=1.5),
                    text(max(across(p["y"]), across(p["hi"])) + 6, y + thick - 4, short(p["y"]), 11)]
            y += thick
        y += 8
    out += [line(left, top - 6, left, y), text((left + right) / 2, y + 18, axes["y"], 13, "middle")]
    return picture(axes["title"], y + 56, out, note)


def panel(of, names, xs, ys, place):
    """One small picture: its points by line name, at (left, top) and as large as `place` says."""
    left, top, width, height = place
    first, last = math.log2(xs[0]), math.log2(xs[-1])
    low, high = math.log(ys[0]), math.log(ys[-1])

    def across(x):
        return left + (math.log2(x) - first) / (last - first) * width

    def up(y):
        return top + height - (math.log(y) - low) / (high - low) * height

    out = []
    for y in ys:
        out += [line(left, up(y), left + width, up(y), kind="grid"), text(left - 7, up(y) + 4, short(y), 11, "end", kind="soft")]
    for e in range(math.ceil(first), math.floor(last) + 1, 5):
        x = across(2 ** e)
        out += [line(x, top, x, top + height, kind="grid"), text(x, top + height + 16, short(2 ** e), 11, "middle", kind="soft")]
    out += [line(left, top + height, left + width, top + height), line(left, top, left, top + height)]
    for name, (colour, dash, thick) in reversed(list(zip(names, PANEL_LOOKS))):  # the first one on top
        mine = sorted(of.get(name, ()), key=lambda p: p["at"])
        if not mine:
            continue
        there = [f"{across(p['at']):.1f},{up(p['hi']):.1f}" for p in mine] + [f"{across(p['at']):.1f},{up(p['lo']):.1f}" for p in reversed(mine)]
        path = " ".join(f"{across(p['at']):.1f},{up(p['y']):.1f}" for p in mine)
        out += [f'<polygon points="{" ".join(there)}" fill="{colour}" fill-opacity="0.18"/>',
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{thick}" stroke-dasharray="{dash}"/>']
    return out


def panels(axes, points, note):
    """Series are named "panel: line"."""
    kinds, names = {}, []
    for p in points:
        kind, _, name = p["series"].partition(": ")
        kinds.setdefault(kind, {}).setdefault(name, []).append(p)
        names += [name] if name not in names else []
    xs = sorted({p["at"] for p in points})
    found = [m * 10.0 ** e for e in range(-4, 5) for m in (1, 3)]
    ys = [v for v in found if v * 3.4 > min(p["lo"] for p in points) and v < max(p["hi"] for p in points) * 3.4]
    columns, cell, tall, width, height = 3, 306, 282, 244, 196
    out = []
    for i, (kind, of) in enumerate(kinds.items()):
        left, top = 54 + i % columns * cell, 96 + i // columns * tall
        out += [text(left, top - 26, kind, 14, extra='font-weight="bold"'), *panel(of, names, xs, ys, (left, top, width, height))]
        at = max((p["at"] for p in of[names[0]] if p["at"] <= 512), default=0)
        said = " ".join(f'<tspan fill="{look[0]}" font-weight="bold" dx="4">{short_time(p["y"])}</tspan>'
                        for name, look in zip(names, PANEL_LOOKS) for p in of.get(name, ()) if p["at"] == at)
        out.append(text(left, top - 9, f"{short(at)} in a call:@ {axes['y']}", 11, kind="soft").replace("@", said))
    left, top = 54 + len(kinds) % columns * cell, 96 + len(kinds) // columns * tall
    for i, (name, (colour, dash, thick)) in enumerate(zip(names, PANEL_LOOKS)):
        y = top + 10 + i * 24
        out += [line(left, y, left + 40, y, colour, thick, f'stroke-dasharray="{dash}"'), text(left + 50, y + 4, name, 13)]
    for i, said in enumerate((f"Down: {axes['y']}. Across: {axes['x']}.", "Both logarithmic; lower is better.",
                              "Lines are medians, bands p10 to p90", "of the undisturbed rounds.")):
        out.append(text(left, top + 24 * len(names) + 22 + i * 18, said, 11, kind="soft"))
    return picture(axes["title"], 96 + -(-(len(kinds) + 1) // columns) * tall - 20, out, note)


def short_time(ns):
    return f"{ns:.1f}" if ns >= 10 else f"{ns:.2g}"


def draw(axes, points, machine):
    """The picture of one plot: {"title", "x", "y"} and its points {"series", "at", "y", "lo", "hi"}."""
    if axes.get("panels"):
        return panels(axes, points, machine)
    as_bars = any(isinstance(p["at"], str) for p in points)
    note = f"median; the thin line is the range from p10 to p90 of the undisturbed samples. {machine}"
    return (bars if as_bars else lines)(axes, points, note)
