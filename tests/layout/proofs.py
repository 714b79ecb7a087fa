# SPDX-License-Identifier: BSL-1.0
"""The tables of tests/README.md, checked: every item is there once, every folder, header, file and test exists.

As a program: proofs.py ROOT   prints one line per fault and exits with 1 if there is any.
"""
import re
import sys
from pathlib import Path

ITEMS = [*(f"R-{n:02}" for n in range(1, 17)), *(f"K-{n:02}" for n in range(1, 9)),
         *(f"DEF-{n:02}" for n in range(1, 23)), *(f"DEF-M{n}" for n in range(1, 7)),
         *(f"INV-{n}" for n in range(1, 22))]

ROW = re.compile(r"^\| ((?:R|K|DEF|INV)-\w+) \| (.*?) \| (.*) \|$")
PROOF = re.compile(r"`([^`]+)`((?: \"[^\"]+\")*)")


def test_names(path):
    """What the tests in a file are called; of a script, everything it says."""
    text = path.read_text()
    if path.suffix != ".cpp":
        return text
    return "\n".join(re.findall(r'^[A-Z_]+\(\s*("(?:[^"\\]|\\.)*")', text, re.M))


def held_faults(root, item, held):
    proofs = PROOF.findall(held)
    if not proofs:
        yield f"{item}: no test holds it"
    for name, tests in proofs:
        path = root / "tests" / name
        if not path.is_file():
            yield f"{item}: tests/{name} is not there"
            continue
        said = test_names(path)
        names = re.findall(r'"([^"]+)"', tests)
        if path.suffix == ".cpp" and not names:
            yield f"{item}: names no test of tests/{name}"
        for test in names:
            if (f'"{test}' if path.suffix == ".cpp" else test) not in said:
                yield f"{item}: tests/{name} has no test {test!r}"


def faults(root):
    readme = root / "tests/README.md"
    if not readme.is_file():
        return ["tests/README.md is not there"]
    text = readme.read_text()
    found = []
    seen = {}
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        item, headers, held = row.groups()
        seen[item] = seen.get(item, 0) + 1
        named = re.findall(r"`([^`]+)`", headers)
        if not named:
            found.append(f"{item}: no header satisfies it")
        found += [f"{item}: include/pinfold/{h} is not there" for h in named
                  if not (root / "include/pinfold" / h).is_file()]
        found += held_faults(root, item, held)
    found += [f"{item}: missing" for item in ITEMS if item not in seen]
    found += [f"{item}: no such item" for item in seen if item not in ITEMS]
    found += [f"{item}: {n} rows" for item, n in seen.items() if n > 1]

    told = set(re.findall(r"`(\w+)/`", text))
    there = {p.name for p in (root / "tests").iterdir() if p.is_dir() and not p.name.startswith((".", "__"))}
    found += [f"tests/{name}/: not in tests/README.md" for name in sorted(there - told)]
    found += [f"tests/{name}/: only in tests/README.md" for name in sorted(told - there)]
    return found


if __name__ == "__main__":
    faulty = faults(Path(sys.argv[1]))
    print(*faulty, sep="\n")
    sys.exit(1 if faulty else 0)
