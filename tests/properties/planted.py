# SPDX-License-Identifier: BSL-1.0
"""Plants faults in a player that plays nothing, and expects the properties to find and shrink them."""
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# A player whose machine is a list of lines. The planted fault looks at `lines` and at the one being played.
FAKE = """#!{python} -SE
import json, sys
lines = open(sys.argv[-1]).read().splitlines()
pinned = 0
for i, line in enumerate(lines):
    op = line.split(": ")[-1].split()[0].rstrip("&")
    ret = 0
    {fault}
    print(json.dumps(dict(step=i + 1, actor="main", op=op, line=line, ret=ret, errno=None, observed={{}})))
print(json.dumps(dict(step=len(lines) + 1, actor="main", op="end", line="end", ret=0, errno=None,
                      observed=dict(held=0, leak=pinned, zero_ref=0))))
"""

# name, the fault, the property that must find it, the kinds of lines of the smallest program
PLANTED = [
    ("no fault", "pass", None, None),
    ("a crash", "if op == 'fork' and any(' pin ' in ' ' + l for l in lines[:i]): sys.exit(139)", "stands", {"pin": 1, "fork": 1}),
    ("a leak", "pinned += op == 'touch'", "stands", {"touch": 1}),
    ("an answer that depends on looking", "ret = sum('inspect' in l for l in lines[:i]) if op == 'touch' else 0", "looking",
     {"touch": 1}),
    ("a refusal that leaves something", "ret = sum('flags=get' in l for l in lines[:i]) if op == 'touch' else 0", "refusals",
     {"touch": 1}),
    ("an order that matters", "ret = len([l for l in lines[:i] if 'first=' in l]) if op == 'vmstat' else 0", "releases", None),
]


def main():
    wrong = 0
    for name, fault, found_by, kinds in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            player = Path(folder, "player")
            player.write_text(FAKE.format(python=sys.executable, fault=fault))
            player.chmod(player.stat().st_mode | stat.S_IXUSR)
            out = Path(folder, "out")
            wanted = [found_by] if found_by else ["stands", "looking"]
            run = subprocess.run([sys.executable, HERE / "properties.py", player, "--lines", "25", "--probes", "60", "--profile", "linux_6_12", "--seeds", "3:1", "--out",
                                  out, *(f"--only={name}" for name in wanted)], capture_output=True, text=True, check=False)
            scenarios = sorted(out.glob("*.scn")) if out.exists() else []
            ok = run.returncode == (1 if found_by else 0) and len(scenarios) == (1 if found_by else 0)
            for scenario in scenarios if kinds else ():
                lines = [line for line in scenario.read_text().splitlines() if not line.startswith("#")]
                ops = [line.split(": ")[-1].split()[0] for line in lines]
                ok = ok and all(ops.count(op) == n for op, n in kinds.items()) and len(lines) <= sum(kinds.values()) + 2
            if not ok:
                wrong += 1
                print(f"{name}: {run.stdout}{run.stderr}", *(s.read_text() for s in scenarios), sep="\n")
    print(f"{len(PLANTED) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
