# SPDX-License-Identifier: BSL-1.0
"""Plants one violation of each rule of layout.py in a sound tree and expects exactly the fault it names."""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import layout  # noqa: E402

SPDX = layout.SPDX


def header(*lines):
    return "\n".join([SPDX, "#pragma once", *lines, ""])


SOUND = {
    "meson.build": "project('pinfold', 'cpp',\n  version: '1.2.3')\n",
    "README.md": "",
    ".ci/run": "",
    "include/pinfold/core/version.hpp": header(
        "inline constexpr int version_major = 1;",
        "inline constexpr int version_minor = 2;",
        "inline constexpr int version_patch = 3;"),
    "include/pinfold/word/a.hpp": header('#include "../core/version.hpp"', "#include <boost/atomic/atomic.hpp>"),
    "include/pinfold/count/detail/b.hpp": header("#include <cstdint>"),
    "include/pinfold/count/b.hpp": header("#include <pinfold/word/a.hpp>", '#include "detail/b.hpp"'),
    "include/pinfold/page/c.hpp": header('#include "../count/b.hpp"'),
    "include/pinfold/range/d.hpp": header("#include <range/v3/view/chunk_by.hpp>", "#include <vector>"),
    "include/pinfold/trace/e.hpp": header('#include "../page/c.hpp"', "#include <sys/mman.h>"),
    "include/pinfold/mm/f.hpp": header('#include "../range.hpp"', "#include <pinfold/pinfold.hpp>"),
    "include/pinfold/pinfold.hpp": header('#include "page/c.hpp"'),
    "include/pinfold/range.hpp": header('#include "pinfold.hpp"', '#include "range/d.hpp"'),
    "include/pinfold/mm.hpp": header('#include "range.hpp"', '#include "mm/f.hpp"'),
    "tests/g.cpp": SPDX + "\n",
}

# file, its new content, the one fault expected
PLANTED = [
    ("include/pinfold/word/a.hpp", header('#include "../page/c.hpp"'), "word/a.hpp:3: arrow goes up to page/c.hpp"),
    ("include/pinfold/core/x.hpp", header("#include <pinfold/word/a.hpp>"), "core/x.hpp:3: arrow goes up to word/a.hpp"),
    ("include/pinfold/trace/e.hpp", header('# include "../range/d.hpp"'), "arrow goes sideways to range/d.hpp"),
    ("include/pinfold/page/c.hpp", header('#include "../pinfold.hpp"'), "includes the umbrella pinfold.hpp"),
    ("include/pinfold/range.hpp", header('#include "mm.hpp"'), "arrow goes up to mm.hpp"),
    ("include/pinfold/range.hpp", header('#include "trace/e.hpp"'), "arrow goes sideways to trace/e.hpp"),
    ("include/pinfold/mm/f.hpp", header('#include "../mm.hpp"'), "arrow goes up to mm.hpp"),
    ("include/pinfold/mm/f.hpp", header('#include "../count/detail/b.hpp"'), "a detail of another layer"),
    ("include/pinfold/page/c.hpp", header('#include "gone.hpp"'), "gone.hpp names no header"),
    ("include/pinfold/page/c.hpp", header('#include "../../../tests/g.cpp"'), "names no header"),
    ("include/pinfold/page/c.hpp", header("#include <range/v3/view/take.hpp>"), "below range/"),
    ("include/pinfold/range/d.hpp", header("#include <range/v3/all.hpp>"), "include the single view"),
    ("include/pinfold/count/b.hpp", header("#include <boost/atomic/atomic.hpp>"), "outside word/"),
    ("include/pinfold/mm/f.hpp", header("#include <boost/config.hpp>"), "outside word/"),
    ("include/pinfold/mm/f.hpp", header("#include <catch2/catch.hpp>"), "not a dependency of this library"),
    *(("include/pinfold/page/c.hpp", header(f"#include <{name}>"), f"<{name}> is too heavy")
      for name in sorted(layout.HEAVY)),
    ("include/pinfold/util/x.hpp", header(), "belongs to no layer"),
    ("include/pinfold/x.hpp", header(), "belongs to no layer"),
    ("include/pinfold/page/notes.txt", "", "not a header"),
    ("include/pinfold/page/x.hpp", SPDX + "\n", "no #pragma once"),
    ("include/pinfold/page/x.hpp", header(*["//"] * 499), "501 lines"),
    ("include/pinfold/page/x.hpp", "#pragma once\n" + SPDX + "\n", "first line is not"),
    ("bench/x.cpp", "int main() {}\n", "first line is not"),
    ("scripts/x", "", "scripts: not one of the agreed top-level entries"),
    ("meson.build", "project('pinfold', 'cpp',\n  version: '1.2.4')\n", "meson.build says 1.2.4, version.hpp 1.2.3"),
    ("include/pinfold/core/version.hpp", header(), "version: not found"),
]


def faults_of(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return layout.faults(Path(folder))


def main():
    wrong = 0
    for name, content, expected in [("README.md", "", None), *PLANTED]:
        found = faults_of({**SOUND, name: content})
        if (len(found) != 1 or expected not in found[0]) if expected else found:
            wrong += 1
            print(f"{name}: expected {expected or 'no fault'}, found {found}")
    print(f"{len(PLANTED) + 1 - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
