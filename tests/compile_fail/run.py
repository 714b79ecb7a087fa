# SPDX-License-Identifier: BSL-1.0
"""Programs that must not compile, each with the sentence its reader is to see.

run.py CASES_DIR COMPILER...   The compiler's arguments come with it. A case is a CASES_DIR/*.cpp with, at its top,
    // EXPECT: text     (one or more) appears in what the compiler says
    // ERRORS: 1        how many errors it says, 1 where the line is absent
and a twin: with -DFIXED the same file compiles, so that it fails for the stated reason and no other.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
from precompiled import begin_with  # noqa: E402

# What most cases include is compiled once: the larger first.
COMMON = ("<pinfold/range.hpp>", '"client.hpp"')
ERROR = re.compile(r"^\S+: (?:fatal )?error: ", re.M)


def directives(source, name):
    return re.findall(rf"^// {name}: (.*\S)\s*$", source, re.M)


def fault(compiler, case, begin=()):
    """Why the case is wrong, or nothing. begin: arguments that begin it with what it includes."""
    def compile_with(*flags):
        return subprocess.run([*compiler, *flags, *begin, "-fsyntax-only", case], text=True, capture_output=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})

    source = case.read_text()
    expected, errors = directives(source, "EXPECT"), int((directives(source, "ERRORS") or ["1"])[0])
    if not expected:
        return "says no EXPECT"
    fixed = compile_with("-DFIXED")
    if fixed.returncode != 0:
        return f"does not compile with -DFIXED either\n{fixed.stderr}"
    broken = compile_with()
    if broken.returncode == 0:
        return "compiles"
    absent = [text for text in expected if text not in broken.stderr]
    if absent:
        return f"the compiler does not say '{absent[0]}'\n{broken.stderr}"
    said = ERROR.findall(broken.stderr)
    if len(said) != errors:
        return f"{len(said)} errors, expected {errors}\n{broken.stderr}"
    return ""


def main(folder, *compiler):
    cases = sorted(Path(folder).glob("*.cpp"))
    with tempfile.TemporaryDirectory() as common, ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        begins = list(pool.map(lambda name: (name, begin_with([*compiler, f"-I{folder}"], name, common)), COMMON))

        def refused(case):
            text = case.read_text()
            return fault(compiler, case, next((begin for name, begin in begins if f"#include {name}" in text), ()))

        faults = list(pool.map(refused, cases))
    for case, why in zip(cases, faults):
        print(f"{case.stem}: {why or 'refused as it should be'}")
    failed = sum(map(bool, faults))
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
