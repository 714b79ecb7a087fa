#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Plays every scenario and compares the answers with the recorded ones.

usage: run.py PLAYER [--family F]

Prints how many scenarios agree, per family and in all, and the first difference of each that does not.
Exit status 0 iff all agree. What agreement is, compare.py alone decides.
"""
import os, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.dont_write_bytecode = True
import compare  # noqa: E402


def difference(recorded, answers):
    if not os.path.exists(answers):
        return "no answer"
    try:
        return compare.first_difference(compare.load(recorded), compare.load(answers))
    except (ValueError, KeyError, TypeError) as e:
        return f"unreadable answer: {e!r}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    player, options = sys.argv[1], sys.argv[2:]
    family = options[options.index("--family") + 1] if "--family" in options else ""
    recorded = os.path.join(here, "recorded", "linux-6.12")
    names = sorted(os.path.relpath(os.path.join(root, f), recorded)[:-len(".jsonl")]
                   for root, _, files in os.walk(os.path.join(recorded, family)) for f in files)
    with tempfile.TemporaryDirectory() as answers:
        played = subprocess.run([player, "--out", answers, os.path.join(here, "scenarios", family)], check=False)
        differences = {n: difference(os.path.join(recorded, n + ".jsonl"), os.path.join(answers, n + ".jsonl"))
                       for n in names}
    agreeing = {n for n, d in differences.items() if d is None}
    for name, what in differences.items():
        if what is not None:
            print(f"{name}: {what}")
    for f in sorted({n.split("/")[0] for n in names}):
        of = [n for n in names if n.startswith(f + "/")]
        print(f"{f:12} {sum(n in agreeing for n in of):4} of {len(of):4}")
    print(f"{'all':12} {len(agreeing):4} of {len(names):4} agree")
    if played.returncode != 0:
        print(f"the player ended with status {played.returncode}")
    return 0 if played.returncode == 0 and names and len(agreeing) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
