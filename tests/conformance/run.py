#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Plays every scenario and compares the answers with the recorded ones.

usage: run.py PLAYER [-v] [--family F]

-v shows the first difference of each scenario that does not agree. Exit status 0 iff all agree.
"""
import os, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    player, rest = sys.argv[1], sys.argv[2:]
    corpus = os.path.join(here, "scenarios")
    if "--family" in rest:
        corpus = os.path.join(corpus, rest[rest.index("--family") + 1])
    with tempfile.TemporaryDirectory() as answers:
        played = subprocess.run([player, "--out", answers, corpus])
        compared = subprocess.run([sys.executable, os.path.join(here, "compare.py"),
                                   os.path.join(here, "recorded", "linux-6.12"), answers, *rest])
    return played.returncode or compared.returncode


if __name__ == "__main__":
    sys.exit(main())
