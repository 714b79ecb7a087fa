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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
from precompiled import begin_with  # noqa: E402

# Clients without exceptions and RTTI are promised these layers.
LEAN = {"core", "word", "policy", "count", "page", "pinfold.hpp"}
NOTHING_THROWN = ["-fno-exceptions", "-fno-rtti"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)

# What is compiled once: the largest first. One that is gone from the library is not looked for.
COMMON = ["pinfold/mm/zap.hpp", "pinfold/mm/physical.hpp", "pinfold/mm/frame.hpp", "pinfold/mm/threading.hpp",
          "pinfold/check/explore.hpp", "range/v3/range/access.hpp", "pinfold/policy/count_traits.hpp",
          "pinfold/word/boost_word.hpp"]
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
        beginnings = [(begins[header], tuple(flags)) for header, flags in cases]
        wanted = [b for b in dict.fromkeys(beginnings) if b[0] and beginnings.count(b) >= WORTH]
        for flags in {flags for _, flags in wanted}:
            Path(folder, "".join(flags)).mkdir(exist_ok=True)

        def common_of(begin):
            return begin_with([*compiler, *begin[1]], f"<{begin[0]}>", Path(folder, "".join(begin[1])))

        common = dict(zip(wanted, pool.map(common_of, wanted)))

        def fault(case):
            header, flags = case
            return compiles(compiler, header, flags, common.get((begins[header], tuple(flags)), []))

        faults = [said for said in pool.map(fault, cases) if said]
    print(*faults, sep="\n")
    print(f"{len(cases) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
