# SPDX-License-Identifier: BSL-1.0
"""README.md tells the truth where a machine can see it: its first program is the one that is compiled and run, and
every file or folder it names exists.

usage: readme.py ROOT
"""
import re
import sys
from pathlib import Path

FOLDERS = ("include/", "examples/", "tests/", "bench/", "core/", "word/", "policy/", "count/", "page/", "range/", "mm/")


def faults(root):
    text = (root / "README.md").read_text()
    example = (root / "examples" / "first_pin.cpp").read_text()
    program = example.split("// [readme]\n", 1)[1].split("// [/readme]", 1)[0]
    if f"```cpp\n{program}```" not in text:
        yield "the first program is not the marked part of examples/first_pin.cpp"
    for name in sorted(set(re.findall(r"`((?:[a-z_]+/)+[\w./]*)`", text))):
        if name.startswith(FOLDERS) and not any((root / base / name).exists() for base in ("", "include/pinfold")):
            yield f"names {name}, which is not there"
    for umbrella in sorted(set(re.findall(r"`?pinfold/(\w+\.hpp)`?", text))):
        if not (root / "include/pinfold" / umbrella).exists():
            yield f"names pinfold/{umbrella}, which is not there"


def main():
    found = list(faults(Path(sys.argv[1])))
    for fault in found:
        print(f"README.md: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
