# SPDX-License-Identifier: BSL-1.0
"""Compiles every header alone, so that each includes what it uses.

alone.py library|mm INCLUDE_DIR COMPILER...   Everything but mm/, or mm/; the compiler's arguments come with it.

Nearly all of that time would go into the same few headers, read a hundred times. They are compiled once, and a header
begins with the largest of them that it reaches by itself: it is given nothing that it would not have given itself, and
as includes stand at the top of a header, nothing in it can tell that they came earlier.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Clients without exceptions and RTTI are promised these layers.
LEAN = {"core", "word", "policy", "count", "page", "pinfold.hpp"}
NOTHING_THROWN = ["-fno-exceptions", "-fno-rtti"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)

# What is compiled once: the largest first. One that is gone from the library is not looked for.
COMMON = ["pinfold/mm/zap.hpp", "pinfold/mm/physical.hpp", "pinfold/mm/frame.hpp", "pinfold/mm/threading.hpp",
          "pinfold/check/explore.hpp", "range/v3/range/access.hpp"]
WORTH = 5  # headers that reach it


def reach(include):
    """The names that each header includes, itself or by way of other headers of ours; ours as pinfold/…"""
    known = {}

    def of(header):
        if header not in known:
            known[header] = found = set()
            for name in INCLUDE.findall(Path(include, header).read_text()):
                beside = os.path.normpath(Path(header).parent / name)
                ours = beside if Path(include, beside).is_file() else name
                found.add(ours)
                if Path(include, ours).is_file():
                    found |= of(ours)
        return known[header]

    return {header: of(str(header)) for header in
            sorted(path.relative_to(include) for path in Path(include, "pinfold").rglob("*.hpp"))}


def compile_common(compiler, name, folder):
    """Returns: the arguments that begin a file with the header, compiled; none where the compiler cannot."""
    text = Path(folder, name.replace("/", "-"))
    text.write_text(f"#include <{name}>\n")
    is_clang = "clang" in subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False).stdout
    compiled = f"{text}.pch" if is_clang else f"{text}.gch"
    result = subprocess.run([*compiler, "-x", "c++-header", text, "-o", compiled], capture_output=True, check=False)
    if result.returncode != 0:
        return []
    return ["-include-pch", compiled] if is_clang else ["-include", str(text)]


def compiles(compiler, header, flags, begin):
    result = subprocess.run([*compiler, *flags, *begin, "-fsyntax-only", "-x", "c++", "-"],
                            input=f"#include <{header}>\n", text=True, capture_output=True, check=False)
    return "" if result.returncode == 0 else f"{header} {' '.join(flags)}\n{result.stderr}"


def main(part, include, *compiler):
    reached = {header: names for header, names in reach(include).items() if (header.parts[1] == "mm") == (part == "mm")}
    cases = [(header, flags) for header in reached
             for flags in ([], NOTHING_THROWN) if not flags or header.parts[1] in LEAN]
    begins = {header: next((name for name in COMMON if name in names), None) for header, names in reached.items()}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        wanted = [name for name in COMMON if list(begins.values()).count(name) >= WORTH]
        common = dict(zip(wanted, pool.map(lambda name: compile_common(compiler, name, folder), wanted)))

        def fault(case):
            header, flags = case  # other flags would need other compiled headers
            return compiles(compiler, header, flags, [] if flags else common.get(begins[header], []))

        faults = [said for said in pool.map(fault, cases) if said]
    print(*faults, sep="\n")
    print(f"{len(cases) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
