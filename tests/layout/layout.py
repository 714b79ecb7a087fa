# SPDX-License-Identifier: BSL-1.0
"""The layer cake, checked: arrows between headers go down only, dependencies stay where they earn their place.

As a program: layout.py ROOT   prints one line per fault and exits with 1 if there is any.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

# A header includes its own folder and lower levels. Two folders on one level do not know each other.
LEVEL = {"core": 0, "word": 1, "policy": 2, "count": 3, "page": 4,
         "range": 5, "trace": 5, "ledger": 5, "check": 6, "mm": 7, "presets": 7}

# The headers beside the folders: each may include its own folder (pinfold.hpp: core to page) and what is below.
UMBRELLA = {"pinfold.hpp": "page", "range.hpp": "range", "check.hpp": "check",
            "mm.hpp": "mm", "presets.hpp": "presets"}

# Inside a layer one says what one needs; these two are clients like any other.
MAY_USE_UMBRELLAS = {"mm", "presets"}

LEAN = LEVEL["page"]  # up to here every include is paid for by every client

# What costs more to compile than the whole of core to page may, or brings exceptions and allocation with it.
HEAVY = {"atomic", "chrono", "condition_variable", "fstream", "functional", "future", "iostream", "istream",
         "map", "memory", "mutex", "ostream", "ranges", "shared_mutex", "sstream", "string", "thread",
         "unordered_map", "vector"}

# Boost is for the words. Everything else that needs it is named here: header -> (included prefix, reason).
BOOST_BEYOND_WORD = {}

PLATFORM = {"sys", "linux", "asm"}  # the folders of the C library and the kernel's interface

TOP = {"include", "examples", "tests", "bench", "meson.build", "README.md", "LICENSE"}

LONGEST = 500
SPDX = "// SPDX-License-Identifier: BSL-1.0"
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')


def includes(path):
    """Yields (line number, name, quoted) for each #include of a file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1] or found[2], found[1] is None


def own_header(base, path, name, quoted):
    """The file that an #include of ours names; None where it names somebody else's."""
    if name.startswith("pinfold/"):
        return (base.parent / name).resolve()
    return (path.parent / name).resolve() if quoted else None


def arrow_fault(source, target):
    """What is wrong with header source including header target (both relative to include/pinfold), or None."""
    inside = len(source.parts) > 1
    layer = source.parts[0] if inside else UMBRELLA[source.name]

    if len(target.parts) == 1:
        if target.name not in UMBRELLA:
            return f"{target} is not an umbrella"
        if inside and layer not in MAY_USE_UMBRELLAS:
            return f"includes the umbrella {target}"
        below = LEVEL[UMBRELLA[target.name]] < LEVEL[layer]
        return None if below else f"arrow goes up to {target}"

    other = target.parts[0]
    if other == layer:
        return None
    if other not in LEVEL:
        return f"includes {target}, outside the layers"
    if LEVEL[other] > LEVEL[layer]:
        return f"arrow goes up to {target}"
    if LEVEL[other] == LEVEL[layer]:
        return f"arrow goes sideways to {target}"
    if "detail" in target.parts:
        return f"includes {target}, a detail of another layer"
    return None


def dependency_fault(source, layer, name):
    """What is wrong with header source of a layer including <name>, which is not ours, or None."""
    first, slash, _ = name.partition("/")
    if first == "boost":
        prefix, _ = BOOST_BEYOND_WORD.get(source.as_posix(), (None, None))
        return None if layer == "word" or prefix and name.startswith(prefix) else f"<{name}> outside word/"
    if name.startswith("range/v3/"):
        if LEVEL[layer] < LEVEL["range"]:
            return f"<{name}> below range/"
        whole = name.count("/") == 2 and Path(name).stem in {"all", "view", "action", "algorithm", "core"}
        return f"<{name}> is all of it: include the single view" if whole else None
    if slash and first not in PLATFORM:
        return f"<{name}> is not a dependency of this library"
    if name in HEAVY and LEVEL[layer] <= LEAN:
        return f"<{name}> is too heavy for core to page"
    return None


def header_faults(base):
    base = base.resolve()
    for path in sorted(base.rglob("*")):
        source = path.relative_to(base)
        if path.is_dir():
            continue
        if path.suffix != ".hpp":
            yield f"{source}: not a header"
            continue
        if (source.parts[0] not in LEVEL) if len(source.parts) > 1 else (source.name not in UMBRELLA):
            yield f"{source}: belongs to no layer"
            continue
        layer = source.parts[0] if len(source.parts) > 1 else UMBRELLA[source.name]

        lines = path.read_text().splitlines()
        if "#pragma once" not in lines:
            yield f"{source}: no #pragma once"
        if len(lines) > LONGEST:
            yield f"{source}: {len(lines)} lines, more than {LONGEST}: which two things is it?"
        for number, name, quoted in includes(path):
            target = own_header(base, path, name, quoted)
            if target is None:
                fault = dependency_fault(source, layer, name)
            elif not target.is_file() or not target.is_relative_to(base):
                fault = f"{name} names no header"
            else:
                fault = arrow_fault(source, target.relative_to(base))
            if fault:
                yield f"{source}:{number}: {fault}"


def licence_faults(root):
    for folder in ("include", "examples", "tests", "bench"):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            with path.open() as file:
                if file.readline().rstrip() != SPDX:
                    yield f"{path.relative_to(root)}: the first line is not {SPDX}"


def top_faults(root):
    """Looks at what git tracks, so that somebody's own build folder is no fault; without git, at everything."""
    if (root / ".git").exists() and shutil.which("git"):
        tracked = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files"],
                                 text=True, capture_output=True, check=True).stdout
        names = {line.partition("/")[0] for line in tracked.splitlines()}
    else:
        names = {entry.name for entry in root.iterdir()}
    for name in sorted(names - TOP):
        if not name.startswith("."):
            yield f"{name}: not one of the agreed top-level entries"


def version_faults(root):
    built = re.search(r"^\s*version: '(\d+)\.(\d+)\.(\d+)'", (root / "meson.build").read_text(), re.M)
    header = (root / "include/pinfold/core/version.hpp").read_text()
    said = [re.search(rf"\bversion_{part} = (\d+);", header) for part in ("major", "minor", "patch")]
    if not built or not all(said):
        yield "version: not found in meson.build or version.hpp"
    elif built.groups() != tuple(match[1] for match in said):
        yield f"version: meson.build says {'.'.join(built.groups())}, version.hpp {'.'.join(m[1] for m in said)}"


def faults(root):
    return [*header_faults(root / "include/pinfold"), *licence_faults(root), *top_faults(root),
            *version_faults(root)]


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]))
    print(*found, sep="\n")
    sys.exit(1 if found else 0)
