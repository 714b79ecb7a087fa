# SPDX-License-Identifier: BSL-1.0
"""Runs the benchmarks and prints one table: the goals, what was measured here, and the verdict.

table.py [--quick] [--csv FILE] [--svg FOLDER] [--instructions PROGRAM] [--bounds PROGRAM] PROGRAM...   The programs print
lines as report.hpp says; PROGRAM of --instructions is that of tests/instructions, that of --bounds bench/counted's. --csv
writes rows and points; --svg draws the plots. The status is that of the programs: a goal that was missed is said, and is
no error. Under a row that missed its goal stands what bounds it, measured in the same rounds.
"""
import argparse
import csv
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import plots  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VERDICTS = ("stretch", "must", "MISSED", "reported", "left out")


def run(program, quick):
    """The lines that a program printed, as dictionaries, and whether it came to its end."""
    print(f"  {program.name}", file=sys.stderr, flush=True)
    done = subprocess.run([program, *(["--quick"] if quick else [])], text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        print(f"{program.name}: ended with status {done.returncode}", file=sys.stderr)
    printed = done.stdout.splitlines()
    for line in printed:
        if not line.startswith("{"):
            print(f"{program.name}: {line}", file=sys.stderr)
    return [json.loads(line) for line in printed if line.startswith("{")], done.returncode == 0


def with_bounds(lines):
    """The same, each bound put into the row it was printed behind."""
    out = []
    for line in lines:
        if "bound" in line:
            out[-1].setdefault("bounds", []).append(line)
        else:
            out.append(line)
    return out


def exactly(number, what, goals, unit, value):
    """A row that is the same every time."""
    return {"row": number, "what": what, "must": goals[0], "stretch": goals[1], "better": "lower", "unit": unit,
            "median": value, "p10": value, "p90": value, "n": 1}


def disassembly():
    """Row 16: how many functions the comparison of tests/disassembly finds to differ from code by hand."""
    folder = ROOT / "tests" / "disassembly"
    for compiler in ("g++", "clang++"):
        row = exactly("16", f"primitives that differ from code by hand, {compiler}, -O2 and -O3", (0, 0), "functions", 0)
        if platform.machine() != "x86_64" or not shutil.which(compiler) or not shutil.which("objdump"):
            yield {**row, "why": f"it takes x86-64, {compiler} and objdump"}
            continue
        print(f"  tests/disassembly with {compiler}", file=sys.stderr, flush=True)
        out = subprocess.run([sys.executable, folder / "compare.py", folder, compiler, "-std=c++20", "-I", ROOT / "include"],
                             text=True, stdout=subprocess.PIPE, check=False).stdout
        counted = re.search(r"(\d+) passed, (\d+) failed\s*$", out)
        if not counted:
            yield {**row, "why": "tests/disassembly/compare.py did not come to its end"}
            continue
        yield exactly("16", row["what"], (0, 0), f"of {int(counted[1]) + int(counted[2])} functions", int(counted[2]))
        for name, besides in (("unpin", 1), ("try_pin", 2)):  # the return; the answer and the return
            found = re.search(rf"^  overlay {name} +(\d+)", out, re.M)
            if found:
                aim = 2 if compiler == "g++" else None  # clang 14 has no other way to ask for the sign than xadd
                yield exactly("17", f"instructions of {name}, {compiler}", (aim, aim), "instructions", int(found[1]) - besides)


# what tests/instructions counts: must and stretch of row 17, and what it is
COUNTED = {
    "mm_pin_fast_512": (12, None, "pin fast, order 0, N=512, per page"),
    "mm_pin_fast_1": (130, 60, "pin fast, N=1, the call"),
    "mm_pin_fast_thp_by_ptes": (12, None, "pin fast, huge page by ptes, per page"),
    "mm_pin_fast_pmd_leaf": (2.5, None, "pin fast, PMD leaf, per page"),
    "mm_pin_fast_pmd_leaf_1": (None, None, "pin fast, one page of a PMD leaf, the call"),
    "mm_pin_fast_leaf_as_run_1": (None, None, "pin fast, one PMD leaf as a run, the call"),
    "mm_unpin_512": (None, None, "unpin an array, order 0, N=512, per page"),
    "library_pin_all": (None, None, "pin_all, single pages, per page"),
    "library_unpin_all": (None, None, "unpin_all, single pages, per page"),
}


# what bench/counted counts, by the row it bounds
COUNTED_BOUNDS = {
    "mm_pin_fast_512": {"bare_pin_512": "entries, a locked addition each, slots",
                        "right_pin_512": "and what makes it right, entry by entry"},
    "mm_pin_fast_1": {"bare_pin_1": "entries, a locked addition, slot", "right_pin_1": "and what makes it right"},
}


def instructions(program, bounds):
    """Row 17: instructions per page, which a simulator counts the same every time."""
    if not shutil.which("valgrind"):
        for must, stretch, what in COUNTED.values():
            yield {**exactly("17", f"instructions: {what}", (must, stretch), "instructions", 0), "why": "valgrind is not here"}
        return
    print("  tests/instructions", file=sys.stderr, flush=True)
    sys.path.insert(0, str(ROOT / "tests" / "instructions"))
    import instructions as simulator  # pylint: disable=import-outside-toplevel
    found = {**simulator.count(program), **(simulator.count(bounds) if bounds else {})}
    for name, (must, stretch, what) in COUNTED.items():
        if name in found:
            yield {**exactly("17", f"instructions: {what}", (must, stretch), "instructions", found[name]),
                   "bounds": [{"bound": said, "median": found[bound], "p10": found[bound], "p90": found[bound], "n": 1}
                              for bound, said in COUNTED_BOUNDS.get(name, {}).items() if bound in found]}


def reaches(row, goal, value):
    return value >= goal if row["better"] == "higher" else value <= goal


def bounds_of(row):
    """What bounds a row; what the row itself is better than does not."""
    return [b for b in row.get("bounds", ()) if reaches(row, row["median"], b["median"])]


def beyond(row):
    """The bounds of a row that do not reach its goal themselves."""
    return [b for b in bounds_of(row) if not reaches(row, row["must"], b["median"])]


def verdict(row):
    if "why" in row:
        return "left out"
    if row["must"] is None:
        return "reported"

    def reached(goal):
        return reaches(row, goal, row["median"])
    if row["stretch"] is not None and reached(row["stretch"]):
        return "stretch"
    return "must" if reached(row["must"]) else "MISSED"


def figure(value, same_always=False):
    if same_always:
        return f"{value:.4g}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def goal(row, which):
    sign = ">=" if row["better"] == "higher" else "<="
    return "" if row[which] is None else f"{sign} {row[which]:g}"


def spread_of(row):
    return "" if row["n"] == 1 or row["p10"] == row["p90"] else f" ({figure(row['p10'])}-{figure(row['p90'])})"


def cells(row):
    yield from (row["row"], row["what"], goal(row, "must"), goal(row, "stretch"))
    if "why" in row:
        yield from ("", row["why"], "left out")
        return
    yield from (figure(row["median"], row["n"] == 1), f"{row['unit']}{spread_of(row)}", verdict(row))


def cells_of_bounds(row):
    """Under a row that was missed: what bounds it here, and whether that would reach the goal."""
    for b in bounds_of(row) if verdict(row) == "MISSED" else ():
        yield ("", f"  bound: {b['bound']}", "", "", figure(b["median"], b["n"] == 1), f"{row['unit']}{spread_of(b)}",
               "beyond the goal" if b in beyond(row) else "")


def table(rows):
    head = ("row", "what", "must", "stretch", "median", "unit (p10-p90)", "verdict")
    grid = [head, *(line for row in rows for line in (tuple(cells(row)), *cells_of_bounds(row)))]
    width = [max(len(line[i]) for line in grid if i != 5 or line[4] or line is head) for i in range(len(head))]
    for line in grid:
        if line[-1] == "left out":
            print(f"{line[0]:>{width[0]}}  {line[1]:{width[1]}}  left out: {line[5]}")
            continue
        print(f"{line[0]:>{width[0]}}  {line[1]:{width[1]}}  {line[2]:>{width[2]}}  {line[3]:>{width[3]}}  "
              f"{line[4]:>{width[4]}}  {line[5]:{width[5]}}  {line[6]}".rstrip())
    found = [verdict(row) for row in rows]
    bounded = sum(verdict(row) == "MISSED" and bool(beyond(row)) for row in rows)
    print(", ".join(f"{found.count(v)} {v}" for v in VERDICTS))
    if bounded:
        print(f"of those MISSED, {bounded} have a bound on this machine that lies beyond the goal itself")


def write_csv(file, rows, points):
    with open(file, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("row or plot", "what or series", "at", "must", "stretch", "better", "unit", "median", "p10", "p90",
                         "samples", "verdict or why"))
        for r in rows:
            writer.writerow((r["row"], r["what"], "", r["must"], r["stretch"], r["better"], r["unit"], r.get("median"),
                             r.get("p10"), r.get("p90"), r.get("n"), r.get("why", verdict(r))))
            for b in bounds_of(r) if "why" not in r else ():
                writer.writerow((r["row"], f"{r['what']}; bound: {b['bound']}", "", "", "", r["better"], r["unit"], b["median"],
                                 b["p10"], b["p90"], b["n"], "beyond the goal" if r["must"] is not None and b in beyond(r) else ""))
        for p in points:
            writer.writerow((p["plot"], p["series"], p["at"], "", "", "", "", p["y"], p["lo"], p["hi"], "", ""))


def machine():
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    except OSError:
        names = []
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} processors, {platform.system()} {platform.release().partition('-')[0]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes in all")
    parser.add_argument("--csv", metavar="FILE")
    parser.add_argument("--svg", metavar="FOLDER")
    parser.add_argument("--instructions", metavar="PROGRAM", type=Path)
    parser.add_argument("--bounds", metavar="PROGRAM", type=Path)
    parser.add_argument("program", nargs="*", type=Path)
    asked = parser.parse_args()

    lines, good = [], True
    print("measuring, one after the other:", file=sys.stderr)
    for program in (p for p in asked.program if p != asked.bounds):
        printed, ended = run(program, asked.quick)
        lines += with_bounds(printed)
        good = good and ended
    lines += disassembly()
    if asked.instructions:
        lines += instructions(asked.instructions, asked.bounds)
    rows = sorted((line for line in lines if "row" in line),  # numbers first; words as they come
                  key=lambda row: int(row["row"]) if row["row"].isdigit() else 1000)
    points = [line for line in lines if "series" in line]
    axes = {line["plot"]: line for line in lines if "title" in line}
    print(f"{machine()}\nratios are medians of ratios within a round; 'x floor' is against bare locked instructions\n")
    table(rows)
    if asked.csv:
        write_csv(asked.csv, rows, points)
    if asked.svg:
        folder = Path(asked.svg)
        folder.mkdir(parents=True, exist_ok=True)
        for name, about in axes.items():
            mine = [p for p in points if p["plot"] == name]
            if mine:
                (folder / f"{name}.svg").write_text(plots.draw(about, mine, machine()), encoding="utf-8")
                print(f"{folder / name}.svg", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
