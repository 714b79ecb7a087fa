# SPDX-License-Identifier: BSL-1.0
"""Plants one fault of each kind in sound tables and expects exactly the fault proofs.py names."""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import proofs  # noqa: E402

ROWS = {item: f'| {item} | `core/a.hpp` | `unit/a.cpp` "it holds" |' for item in proofs.ITEMS}
TEST = 'TEST_CASE("it holds, always") {}\n// "it is only said"\n'

# what is changed in the row of R-01 (None: the row goes), the fault expected
PLANTED = [
    (None, "R-01: missing"),
    ('| R-01 | `core/b.hpp` | `unit/a.cpp` "it holds" |', "include/pinfold/core/b.hpp is not there"),
    ('| R-01 | somewhere | `unit/a.cpp` "it holds" |', "R-01: no header satisfies it"),
    ('| R-01 | `core/a.hpp` | somehow |', "R-01: no test holds it"),
    ('| R-01 | `core/a.hpp` | `unit/b.cpp` "it holds" |', "tests/unit/b.cpp is not there"),
    ('| R-01 | `core/a.hpp` | `unit/a.cpp` |', "names no test of tests/unit/a.cpp"),
    ('| R-01 | `core/a.hpp` | `unit/a.cpp` "it is only said" |', "has no test 'it is only said'"),
    (ROWS["R-01"] + "\n" + ROWS["R-01"], "R-01: 2 rows"),
    (ROWS["R-01"] + "\n" + ROWS["R-01"].replace("R-01", "R-99"), "R-99: no such item"),
    (ROWS["R-01"] + "\n`gone/`", "tests/gone/: only in tests/README.md"),
]


def faults_of(first_row):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = {**ROWS, "R-01": first_row}
        text = "`unit/`\n" + "\n".join(row for row in rows.values() if row) + "\n"
        for name, content in {"tests/README.md": text, "tests/unit/a.cpp": TEST, "include/pinfold/core/a.hpp": ""}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        return proofs.faults(root)


def main():
    wrong = 0
    for row, expected in [(ROWS["R-01"], None), *PLANTED]:
        found = faults_of(row)
        if (len(found) != 1 or expected not in found[0]) if expected else found:
            wrong += 1
            print(f"expected {expected or 'no fault'}, found {found}")
    print(f"{len(PLANTED) + 1 - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
