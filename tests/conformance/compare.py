#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compare a scenario player's answers with a kernel's recorded ones.

usage: compare.py RECORDED_DIR ANSWERS_DIR [-v] [--family F]

Both folders hold <family>/<name>.jsonl, one JSON object per executed line (SCENARIOS.md section 4).
A scenario agrees iff it has the same steps and every step has the same ret, errno and observed, where
  - the flag letters R and P (LRU and buffer-head details) are not compared, nor any flag letter of pages of
    kind kernel, devdax or fsdax (their descriptors outlive a scenario),
  - of a kernel complaint ("warn") only its presence is compared.
Prints, per family and in all, how many scenarios agree; with -v the first differing step of each that does not.
Exit status 0 iff all agree.
"""
import json, os, sys


def flags(page):
    if page.get("kind") in ("kernel", "devdax", "fsdax"):
        return None
    return page["f"].replace("R", "").replace("P", "")


def normal(step):
    seen = dict(step["observed"])
    if seen.get("warn"):
        seen["warn"] = True
    pages = seen.get("pages")
    if pages and isinstance(pages[0], dict):
        seen["pages"] = [{**p, "f": flags(p)} if "f" in p else p for p in pages]
    return {"op": step["op"], "actor": step["actor"], "ret": step["ret"], "errno": step["errno"], **seen}


def load(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines if line.strip()]


def first_difference(want, got):
    for w, g in zip(want, got):
        a, b = normal(w), normal(g)
        if a != b:
            keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
            rows = []
            for k in keys:
                x, y = a.get(k), b.get(k)
                if k == "pages" and x and y and isinstance(x[0], dict):
                    for p, q in zip(x, y):
                        if p != q:
                            d = [z for z in sorted(set(p) | set(q)) if p.get(z) != q.get(z)]
                            x, y, k = {z: p.get(z) for z in d}, {z: q.get(z) for z in d}, f"page {p.get('at')}"
                            break
                rows.append(f"      {k}: kernel {json.dumps(x)}  player {json.dumps(y)}")
            return f"step {w['step']}: {w['line']}\n" + "\n".join(rows)
    if len(want) != len(got):
        return f"kernel has {len(want)} steps, player {len(got)}"
    return None


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("-")]
    if len(args) < 2:
        sys.exit(__doc__)
    family = sys.argv[sys.argv.index("--family") + 1] if "--family" in sys.argv else None
    if family in args:
        args.remove(family)
    recorded, answers = args
    total, good = {}, {}
    for root, _, files in os.walk(recorded):
        for name in sorted(f for f in files if f.endswith(".jsonl")):
            path = os.path.relpath(os.path.join(root, name), recorded)
            group = path.split(os.sep)[0]
            if family and group != family:
                continue
            total[group] = total.get(group, 0) + 1
            mine = os.path.join(answers, path)
            try:
                diff = first_difference(load(os.path.join(recorded, path)), load(mine)) if os.path.exists(mine) else "no answer"
            except (ValueError, KeyError, TypeError) as e:
                diff = f"unreadable answer: {e!r}"
            if diff is None:
                good[group] = good.get(group, 0) + 1
            elif "-v" in sys.argv:
                print(f"{path[:-6]}: {diff}")
    for group in sorted(total):
        print(f"{group:12} {good.get(group, 0):4} of {total[group]:4}")
    n, k = sum(total.values()), sum(good.values())
    print(f"all          {k:4} of {n:4} agree ({100 * k / max(n, 1):.1f} %)")
    return 0 if k == n and n else 1


if __name__ == "__main__":
    sys.exit(main())
