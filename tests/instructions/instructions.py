# SPDX-License-Identifier: BSL-1.0
"""Instructions per operation of the hot paths, counted by a simulator, against the ceilings of ceilings.txt.

instructions.py PROGRAM CEILINGS   Callgrind counts the same number every time. A path above its ceiling fails, and so
does a path without a ceiling or a ceiling without a path. A path far below is said, so that the ceiling is lowered.
"""
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
FAR_BELOW = 0.9


def ceilings(path):
    """name -> (ceiling, reason)"""
    found = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, ceiling, reason = (part.strip() for part in line.split("|"))
            if name in found or not reason:
                sys.exit(f"{path.name}: {name}: {'stands twice' if name in found else 'no reason'}")
            found[name] = float(ceiling), reason
    return found


def inclusive_costs(profile):
    """callee -> instructions, of the calls that `measured` makes."""
    names, costs, caller, callee = {}, {}, None, None
    lines = iter(profile.read_text().splitlines())
    for line in lines:
        if found := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            kind, number, name = found.groups()
            if name:
                names[number] = name
            if kind == "fn":
                caller = names[number]
            else:
                callee = names[number]
        elif line.startswith("calls="):
            cost = int(next(lines).split()[1])
            if caller == "measured":
                costs[callee] = costs.get(callee, 0) + cost
    return costs


def count(program):
    """name -> instructions per operation, as the simulator counts and the program says how many there were."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "profile"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
             "--toggle-collect=measured", program], text=True, capture_output=True, check=False,
            env={"PATH": os.environ["PATH"]})  # meson asks malloc to fill what is freed, and that would be counted
        if done.returncode != 0:
            sys.exit(f"{done.stdout}{done.stderr}valgrind ended with status {done.returncode}")
        costs = inclusive_costs(out)
    operations = dict(line.split() for line in done.stdout.splitlines())
    return {name: costs.get(name, 0) / int(n) for name, n in operations.items()}


def verdict(per_operation, ceiling):
    """What is to be said of a path, and whether it is a fault."""
    if ceiling is None:
        return "no ceiling", True
    if per_operation <= 0:
        return "not counted", True
    if per_operation > ceiling:
        return f"above {ceiling:g}", True
    if per_operation < ceiling * FAR_BELOW:
        return f"lower the ceiling of {ceiling:g}", False
    return f"within {ceiling:g}", False


def main(program, table):
    if not shutil.which("valgrind"):
        print("left out: valgrind is not installed")
        return SKIPPED
    limits, counted, faults = ceilings(table), count(program), 0
    print(f"  {'instructions per page or call':32} {platform.machine():>9}")
    for name, per_operation in counted.items():
        text, is_fault = verdict(per_operation, limits.get(name, (None, ""))[0])
        faults += is_fault
        print(f"  {name:32} {per_operation:9.2f}  {text}")
    for name in limits.keys() - counted.keys():
        faults += 1
        print(f"  {name}: has a ceiling, and no such path is run")
    print(f"{len(counted)} paths, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
