#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What a fuzzer of scenarios starts from: the recorded scenarios without their comments, and random ones; and the words
of the language as a dictionary.

usage: seeds.py FOLDER [COUNT]    writes the recorded scenarios and COUNT random ones (default 100), one per file
       seeds.py --dictionary      prints the dictionary
"""
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TESTS / "conformance"))
from random_scenarios import Writer  # noqa: E402


def recorded():
    for path in sorted((TESTS / "conformance/scenarios").rglob("*.scn")):
        lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        yield f"{path.parent.name}_{path.stem}", "".join(f"{line}\n" for line in lines if line)


def words():
    """Operations and options from the table of the language, and what the recorded scenarios say behind them."""
    table = (TESTS.parent / "examples/scenario/language.cpp").read_text()
    found = set(re.findall(r'"([a-z_0-9|=]+)"', table))
    for _, text in recorded():
        found.update(w for w in re.findall(r"[^\s=]+=|[^\s=]+", text) if len(w) < 20)
    return sorted(found)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--dictionary":
        for word in words():
            print('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"')
        return
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in recorded():
        (folder / name).write_text(text)
    for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else 100):
        (folder / f"random_{seed}").write_text(Writer(seed).text())


if __name__ == "__main__":
    main()
