# SPDX-License-Identifier: BSL-1.0
"""Compiles every header alone, so that each includes what it uses.

alone.py library|mm INCLUDE_DIR COMPILER...   Everything but mm/, or mm/; the compiler's arguments come with it.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Clients without exceptions and RTTI are promised these layers.
LEAN = {"core", "word", "policy", "count", "page", "pinfold.hpp"}
NOTHING_THROWN = ["-fno-exceptions", "-fno-rtti"]


def compiles(compiler, header, flags):
    result = subprocess.run([*compiler, *flags, "-fsyntax-only", "-x", "c++", "-"],
                            input=f"#include <{header}>\n", text=True, capture_output=True, check=False)
    return "" if result.returncode == 0 else f"{header} {' '.join(flags)}\n{result.stderr}"


def main(part, include, *compiler):
    headers = sorted(path.relative_to(include) for path in Path(include, "pinfold").rglob("*.hpp"))
    headers = [header for header in headers if (header.parts[1] == "mm") == (part == "mm")]
    cases = [(header, flags) for header in headers
             for flags in ([], NOTHING_THROWN) if not flags or header.parts[1] in LEAN]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        faults = [fault for fault in pool.map(lambda case: compiles(compiler, *case), cases) if fault]
    print(*faults, sep="\n")
    print(f"{len(cases) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
