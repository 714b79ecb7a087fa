#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Replays the corpus of a fuzz target; with --runs also looks for more, the same way each time.

usage: run.py TARGET CORPUS [--runs N [--dictionary FILE]]
"""
import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def follow(command, folder):
    """Runs a target. Returns: its exit status; what it left behind and the end of what it said are shown if it fails."""
    run = subprocess.run([str(c) for c in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if run.returncode != 0:
        print(run.stdout.decode(errors="replace")[-6000:])
        for found in Path(folder).glob("found-*"):
            print(f"{found.name}, in base64: {base64.b64encode(found.read_bytes()).decode()}")
    return run.returncode


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("target", type=Path)
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--runs", type=int, default=0)
    arguments.add_argument("--dictionary", type=Path)
    a = arguments.parse_args()
    target, inputs = a.target.resolve(), sorted(p.resolve() for p in a.corpus.iterdir())
    if not inputs:
        sys.exit(f"{a.corpus}: no inputs")
    with tempfile.TemporaryDirectory() as folder:
        if follow([target, *inputs], folder):
            return 1
        print(f"{len(inputs)} inputs replayed")
        if a.runs:
            corpus = Path(folder) / "corpus"
            shutil.copytree(a.corpus, corpus)
            options = [f"-runs={a.runs}", "-seed=1", "-max_len=1024", "-timeout=300", "-artifact_prefix=found-"]
            if a.dictionary:
                options.append(f"-dict={a.dictionary.resolve()}")
            if follow([target, *options, corpus], folder):
                return 1
            print(f"{a.runs} runs, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
