# SPDX-License-Identifier: BSL-1.0
"""Gives run.py cases that are wrong in one way each, and expects it to say so.

planted.py COMPILER...   The compiler's arguments come with it.
"""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import run  # noqa: E402

REFUSED = 'static_assert(sizeof(int) == 0, "no such int");\n'
TWIN = f"#ifndef FIXED\n{REFUSED}#endif\n"

# the case, and how the complaint about it begins; '' for a sound case
PLANTED = [
    ("// EXPECT: no such int\n" + TWIN, ""),
    ("// EXPECT: no such int\n// ERRORS: 2\n" + TWIN + TWIN, ""),
    (TWIN, "says no EXPECT"),
    ("// EXPECT: no such int\n", "compiles"),
    ("// EXPECT: no such int\n" + REFUSED, "does not compile with -DFIXED either"),
    ("// EXPECT: no such int\n// EXPECT: no such long\n" + TWIN, "the compiler does not say 'no such long'"),
    ("// EXPECT: no such int\n" + TWIN + TWIN, "2 errors, expected 1"),
]


def main(*compiler):
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for source, expected in PLANTED:
            case = Path(folder, "case.cpp")
            case.write_text(source)
            complaint = run.fault(compiler, case)
            if not complaint.startswith(expected) or bool(complaint) != bool(expected):
                wrong += 1
                print(f"expected {expected or 'no complaint'!r}, heard {complaint!r}, about\n{source}")
    print(f"{len(PLANTED) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
