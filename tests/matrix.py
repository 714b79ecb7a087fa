# SPDX-License-Identifier: BSL-1.0
"""Runs the tests in every flavour: one row each below, with what it leaves to the others and why.

Called by tests/run. The last line is 'N passed, N failed', summed over the rows; a failed build counts as one.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / ".ci"), str(Path(__file__).resolve().parent / "coverage")]
sys.dont_write_bytecode = True
import flavours  # noqa: E402
import lines  # noqa: E402
from flavours import FLAVOURS, Failed, stage  # noqa: E402

# Suites that look at sources and at the compiler, not at what the programs do.
SHAPE = ("layout", "headers", "headers_mm", "link", "consumers", "compile_fail", "disassembly", "lines")
PURE = "pure"  # a suite of programs that compile long and touch words of counts and tables: nothing for a sanitizer to find
PROOFS = "proofs"  # a suite of those that touch no MM either: nothing for the lines to count, and clang is twice as quick
ONCE = "once"  # a suite of programs that compile the whole MM, or run long: the row with sanitizers sees most in them
SHOWN = "table"  # a suite whose tests print a table worth reading when all is well


@dataclass
class Row:
    flavour: str
    only: tuple = ()       # suites it runs; none given: all …
    without: tuple = ()    # … but these
    builds: tuple = ()     # folders whose programs it builds also when no test of the row runs them
    lines: bool = False    # says which lines of mm/ its tests ran, which is one more test (tests/coverage)


ROWS = [
    Row("gcc", without=("headers", "headers_mm", "examples", PROOFS, ONCE)),  # bench/table.py builds what it measures
    Row("clang", builds=("bench",), only=(*SHAPE, PROOFS), without=("layout", "consumers")),  # the rest in the next row
    Row("asan", builds=("examples",), without=(*SHAPE, PURE, PROOFS), lines=True),
    Row("tsan", only=("threads",), without=("conformance",)),  # elsewhere nothing runs beside anything
    Row("libcxx", only=("headers", "link", "unit"), without=("mm", "conformance")),
    Row("arm64", only=("unit", "threads"), without=("mm", "conformance")),  # the words; the MM ran before
]


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    names: list = field(default_factory=list)  # of those that failed
    left_out: list = field(default_factory=list)
    tables: dict = field(default_factory=dict)  # what tests of the suite SHOWN print, by their names


def missing(row):
    """What this machine lacks for the row, or nothing."""
    flavour = FLAVOURS[row.flavour]
    for tool in (flavour.cxx, *flavour.tools):
        if not shutil.which(tool):
            return tool
    probe = subprocess.run(
        [flavour.cxx, "-E", "-x", "c++", "-std=c++20", "-o", os.devnull, "-",
         *(a for o in flavour.options if o.startswith("-Dcpp_args=") for a in o.split("=", 1)[1].split())],
        input="#include <version>\n", text=True, stderr=subprocess.DEVNULL, check=False)
    return "libc++" if probe.returncode else ""


def wanted(row, suites):
    names = {s.partition(":")[2] for s in suites}
    return not names & set(row.without) and (not row.only or bool(names & set(row.only)))


def run(row):
    flavour, tally = FLAVOURS[row.flavour], Tally()
    flavours.configure(flavour)
    tests = [t for t in flavours.introspect(flavour, "tests") if wanted(row, t["suite"])]
    if not tests:
        raise Failed("no tests: this row")
    needed = {d for t in tests for d in t["depends"]}
    files = {f for t in flavours.introspect(flavour, "targets") if t["id"] in needed for f in t["filename"]}
    files |= {str(program) for folder in row.builds for program in flavours.programs(flavour, folder)}
    if files:
        flavours.ninja(flavour, sorted(files))

    stage(f"{flavour.name}: {len(tests)} tests")
    log = flavour.dir / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    if row.lines:
        lines.forget(flavour.dir)
    # A test ends by itself; the long limit is there for one that hangs.
    status, output = flavours.follow(
        ["meson", "test", "-C", str(flavour.dir), "--no-rebuild", "--timeout-multiplier", "20",
         *(f"--suite={s}" for s in row.only), *(f"--no-suite={s}" for s in row.without)])
    if not log.exists():
        sys.stderr.write(output)
        raise Failed(f"meson test, status {status},")
    for line in log.read_text().splitlines():
        test = json.loads(line)
        if test["result"] == "OK":
            tally.passed += 1
            if SHOWN in test["name"].partition(" / ")[0]:
                tally.tables[test["name"]] = test["stdout"]
        elif test["result"] == "SKIP":
            tally.left_out.append(test["name"])
        else:
            tally.failed += 1
            tally.names.append(test["name"].removeprefix("pinfold:"))
            stage(f"{flavour.name}: {tally.names[-1]}: {test['result']}")
            print(test.get("stdout", ""), test.get("stderr", ""), file=sys.stderr, sep="\n")
    if row.lines:
        stage(f"{flavour.name}: lines")
        enough, text = lines.figure(flavour.dir)
        tally.tables["lines"] = text
        if enough:
            tally.passed += 1
        else:
            tally.failed += 1
            tally.names.append("lines of mm/ run")
    return tally


def main():
    arguments = argparse.ArgumentParser(prog="tests/run", description="Builds and runs the tests.")
    arguments.add_argument("--quick", action="store_true", help=f"only the row '{ROWS[0].flavour}'")
    quick = arguments.parse_args().quick
    strict = os.environ.get("CI") == "true"

    total, table = Tally(), []
    for row in ROWS:
        if quick and row is not ROWS[0]:
            table.append(f"{row.flavour:8} left out: --quick")
            continue
        lacks = missing(row)
        if lacks:
            table.append(f"{row.flavour:8} left out: no {lacks}")
            total.failed += strict
            continue
        began = time.monotonic()
        try:
            tally = run(row)
        except Failed as failure:
            tally = Tally(failed=1)
            table.append(f"{row.flavour:8} {failure} failed")
        else:
            table.append(f"{row.flavour:8} {tally.passed:4} passed {tally.failed:4} failed {time.monotonic() - began:5.0f} s"
                         + (f": {', '.join(tally.names)}" if tally.names else "")
                         + (f"; left out: {', '.join(tally.left_out)}" if tally.left_out else ""))
        total.tables = tally.tables | total.tables  # of two rows with one test the first tells
        total.passed += tally.passed
        total.failed += tally.failed + (len(tally.left_out) if strict else 0)

    print(*total.tables.values(), *table, f"{total.passed} passed, {total.failed} failed", sep="\n", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
