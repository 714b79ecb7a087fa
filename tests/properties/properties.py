#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Properties of long random programs, in both profiles. A program that breaks one is shrunk, and written as a scenario.

usage: properties.py PLAYER [--lines N] [--seeds FIRST:COUNT] [--out DIR] [--only PROPERTY]... [--profile PROFILE]

  stands       nothing crashes or hangs, every count has an owner all along, nothing is left over (INV-1 to -3, -5, -6, -20)
  repeats      the same program has the same answers
  looking      looking changes nothing
  refusals     a call that is refused for its arguments changes nothing (INV-8, INV-17)
  releases     the order and the portions in which pins are given back change nothing (INV-12)
"""
import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))
from random_scenarios import Writer  # noqa: E402
from shrink import shrink  # noqa: E402

PROFILES = ("linux_6_12", "foll_pin_2019")
WAITS = re.compile(r"^\w+:&|^wait |^exit |uffd|hugepool|overcommit")  # who runs when is another subject


class Player:
    """Plays lists of lines."""

    def __init__(self, path, folder, timeout=60):
        self.path, self.folder, self.timeout = path, Path(folder), timeout

    def answers(self, profile, lines, *options):
        """Returns: the answers and what is wrong with the run, or None."""
        file = self.folder / "program.scn"
        file.write_text("".join(line + "\n" for line in lines))
        try:
            run = subprocess.run([self.path, *options, "--profile", profile, str(file)], capture_output=True, text=True,
                                 timeout=self.timeout, check=False)
        except subprocess.TimeoutExpired:
            return [], "hangs"
        if run.returncode not in (0, 2):
            return [], f"status {run.returncode}: {run.stderr[-300:].strip()}"
        found = [json.loads(line) for line in run.stdout.splitlines()]
        if not found or found[-1]["op"] != "end" or len(found) != len(lines) + 1:
            return found, "does not reach its end"
        return found, None


def program(seed, lines):
    """A random program, with huge pages in it, and without pins that the statistics lose (DEF-M1)."""
    writer = Writer(seed)
    found = []
    while len(found) < lines:
        if len(found) % 50 == 10:
            name = "TUV"[len(found) // 50 % 3]
            writer.regions[name] = 512
            found += [f"munmap {name} 512P", f"mmap {name} 512P", f"madvise {name} 512P HUGEPAGE", f"touch {name} 1P w"]
        line = writer.line()
        if not re.search(r"\baddpin\b", line):
            found.append(line)
    return found[:lines]


def quiet(lines):
    """The program without what waits for others, whose answers may depend on who comes first."""
    return [line for line in lines if not WAITS.search(line)]


def said(answers):
    """What was observed: without line numbers and reports made once only, pages named in the order they appear."""
    names = {}

    def renamed(value, key=None):
        if isinstance(value, dict):
            return {k: renamed(v, k) for k, v in value.items() if k != "warn"}
        if isinstance(value, list):
            return [renamed(v, key) for v in value]
        if key in ("pages", "id", "folios") and isinstance(value, int) and not isinstance(value, bool):
            return names.setdefault(value, len(names))
        return value

    return [{k: renamed(a[k], k) for k in ("actor", "op", "ret", "errno", "observed")} for a in answers]


def difference(first, second):
    for a, b in zip(first, second):
        if a != b:
            return f"{json.dumps(a)} became {json.dumps(b)}"
    return None


# ---- the properties: (player, profile, lines, random) -> what is wrong, or None ------------------------------------
def stands(player, profile, lines, _):
    found, wrong = player.answers(profile, lines, "--audit", "--audit-every", str(max(1, len(lines) // 25)))
    if wrong:
        return wrong
    end = found[-1]["observed"]
    if end["zero_ref"] != 0 or end["leak"] != 0:
        return f"leaves something over: {end}"
    return None


def repeats(player, profile, lines, _):
    lines = quiet(lines)
    first, wrong = player.answers(profile, lines)
    second, again = player.answers(profile, lines)
    return wrong or again or difference(said(first), said(second))


def with_extra(player, profile, lines, extra):
    """Plays with lines put in: extra(i) is what comes before line i, or None. Returns: what the others answered else."""
    plain, wrong = player.answers(profile, lines)
    if wrong:
        return wrong
    longer, own = [], []
    for i, line in enumerate(lines):
        if (more := extra(i)) is not None:
            longer.append(more)
        own.append(len(longer))
        longer.append(line)
    found, wrong = player.answers(profile, longer)
    if wrong:
        return wrong
    return difference(said(plain), said([found[i] for i in own] + [found[-1]]))


def regions_before(lines, i):
    names = set()
    for line in lines[:i]:
        if mapped := re.search(r"\bmmap (\w+) ", line):
            names.add(mapped[1])
    return sorted(names)


def chance(seed, line):
    """A number in [0, 1) that stays the line's when others are taken away."""
    return zlib.crc32(f"{seed} {line}".encode()) / 2**32


def with_lines_of(player, profile, lines, seed, forms):
    """Before about every fifth line one of `forms`, about some region."""
    lines = quiet(lines)

    def extra(i):
        names, dice = regions_before(lines, i), chance(seed, lines[i])
        if dice > 0.2 or not names:
            return None
        return forms[int(dice * 5e6) % len(forms)].format(names[int(dice * 5e3) % len(names)])

    return with_extra(player, profile, lines, extra)


def looking(player, profile, lines, seed):
    return with_lines_of(player, profile, lines, seed, ["inspect {} 4", "inspect {} 1", "vmstat"])


def refusals(player, profile, lines, seed):
    return with_lines_of(player, profile, lines, seed,
                         ["pin Z {} 2 flags=get api=slow", "pin Z {} 2 flags=get api=fast",
                          "pin Z {} 2 flags=write,get api=unlocked", "mprotect {}+1 1P rw", "madvise {}+1 1P DONTNEED"])


def releases(player, profile, lines, seed):
    """Pins of a few pages each; then all of them are given back, in two orders and portions."""
    dice = random.Random(seed)
    lines = [line for line in quiet(lines) if not re.search(r"\b(unpin|put|addpin|iobuf\w*|pin|get|dma_write|pinspect)\b", line)]
    pins, handles = [], []
    for i, line in enumerate(lines):
        pins.append(line)
        names = regions_before(lines, i + 1)
        if names and i % 7 == 3:
            handle, count = f"H{len(handles)}", 1 + i % 4
            handles.append((handle, count))
            pins.append(f"pin {handle} {names[i % len(names)]} {count} flags={('write', '0')[i % 2]} api={('fast', 'slow')[i % 3 // 2]}")
    names = regions_before(lines, len(lines))
    whole = [f"unpin {h}" for h, _ in handles]
    single = [f"unpin {h} first={k} count=1" for h, n in handles for k in range(n)]
    dice.shuffle(single)
    look = [f"inspect {name} 6" for name in names] + ["vmstat"]
    first, wrong = player.answers(profile, pins + whole + look)
    second, again = player.answers(profile, pins + single + look)
    return wrong or again or difference(said(first)[-len(look) - 1:], said(second)[-len(look) - 1:])


PROPERTIES = {p.__name__: p for p in (stands, repeats, looking, refusals, releases)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("player")
    arguments.add_argument("--lines", type=int, default=1000)
    arguments.add_argument("--seeds", default="1:1")
    arguments.add_argument("--out", type=Path)
    arguments.add_argument("--probes", type=int, default=400, help="programs tried while shrinking one")
    arguments.add_argument("--profile", action="append", choices=PROFILES)
    arguments.add_argument("--only", action="append", choices=PROPERTIES)
    a = arguments.parse_args()
    first, count = map(int, a.seeds.split(":"))
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        player = Player(a.player, folder)
        for name in a.only or PROPERTIES:
            check = PROPERTIES[name]
            for seed in range(first, first + count):
                for profile in a.profile or PROFILES:
                    lines = program(seed, a.lines)
                    why = check(player, profile, lines, seed)
                    if not why:
                        continue
                    broken += 1
                    small = shrink(lines, lambda tried: check(player, profile, tried, seed) is not None, a.probes)
                    text = f"# {name}, {profile}: {check(player, profile, small, seed)}\n" + "".join(l + "\n" for l in small)
                    print(f"{name} does not hold in {profile} (seed {seed}): {why}\nThe smallest program found:\n{text}", flush=True)
                    if a.out:
                        a.out.mkdir(parents=True, exist_ok=True)
                        (a.out / f"{name}_{profile}_{seed}.scn").write_text(text)
    print(f"{len(a.only or PROPERTIES)} properties, {count} programs of {a.lines} lines: {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
