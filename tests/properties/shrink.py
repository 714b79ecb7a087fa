# SPDX-License-Identifier: BSL-1.0
"""The smallest program that still fails: lines are taken away in ever smaller pieces, then numbers are made smaller."""
import re


def shrink(lines, fails, probes=400):
    """Returns: a shortest list of lines found for which fails(list) holds, where it holds for `lines`.

    `fails` is asked at most `probes` times.
    """
    asked = 0

    def still(candidate):
        nonlocal asked
        if asked >= probes:
            return False
        asked += 1
        return fails(candidate)

    piece = max(1, len(lines) // 2)
    while True:
        at, removed = 0, False
        while at < len(lines):
            shorter = lines[:at] + lines[at + piece:]
            if shorter and still(shorter):
                lines, removed = shorter, True
            else:
                at += piece
        if piece == 1 and not removed:
            break
        piece = max(1, piece // 2)
    for i, line in enumerate(lines):
        for number in re.finditer(r"\b\d+(?=P\b|\b)", line):
            value = int(number[0])
            for smaller in (0, 1, 4, 512):
                if smaller < value:
                    candidate = line[:number.start()] + str(smaller) + line[number.end():]
                    if still(lines[:i] + [candidate] + lines[i + 1:]):
                        lines = lines[:i] + [candidate] + lines[i + 1:]
                        break
            if lines[i] != line:
                break
    return lines
