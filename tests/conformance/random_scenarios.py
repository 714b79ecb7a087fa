#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Random scenarios: whatever is asked, the player neither crashes nor hangs, every count is accounted for after every
fourth line, and nothing is left over.

usage: random_scenarios.py PLAYER [COUNT [FIRST_SEED]]

A scenario that fails is printed. After an addpin the pin counters drift, so only the zero page is looked at then.
"""
import json, os, random, subprocess, sys, tempfile

FILES = ["ext4 size=8P", "tmpfs size=8P", "memfd size=8P", "tmpfshuge size=2M sparse", "huge2m size=4M", "dax size=8P",
         "dax size=4M", "devdax", "secret size=4P", "pfn", "pfninsert", "pfnio", "devzero", "ext4 size=8P sparse", "huge1g size=1G"]
FLAGS = ["write", "longterm", "write,longterm", "force", "write,force", "nofault", "", "", "split_pmd", "dump", "get"]
ADVICE = ["HUGEPAGE", "NOHUGEPAGE", "DONTNEED", "FREE", "REMOVE", "POPULATE_READ", "POPULATE_WRITE", "COLD", "PAGEOUT",
          "MERGEABLE", "UNMERGEABLE", "DONTFORK", "DOFORK", "WIPEONFORK", "COLLAPSE", "KEEPONFORK"]


class Writer:
    """Lines that mean something most of the time: names are bound before they are used, mostly."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.regions, self.files, self.actors, self.handles = {}, [], ["main"], []
        self.lines = []

    def pick(self, *choices):
        return self.r.choice(choices)

    def place(self):
        name = self.r.choice(sorted(self.regions))
        pages = self.regions[name]
        at = self.r.randrange(min(pages, 6)) if self.r.random() < 0.8 else self.r.randrange(pages + 2)
        return (f"{name}+{at}P" if at else name), max(1, pages - at)

    def length(self, pages):
        return self.r.choice([1, 1, 2, 3, pages])

    def line(self):
        r = self.r
        actor = r.choice(self.actors)
        who = "" if actor == "main" else actor + ": "
        if not self.regions or r.random() < 0.08:
            name, pages = r.choice("ABCD"), r.choice([1, 4, 8, 512, 1024])
            options = r.choice(["", "", "", " shared", " prot=r", " prot=none", " huge=2m", " huge=2m shared", " locked", " populate"])
            if self.files and r.random() < 0.6:
                options = f" src={r.choice(self.files)}" + r.choice(["", " shared", " shared", " prot=r"])
            self.regions[name] = pages
            return f"{who}mmap {name} {pages}P{options}"
        a, left = self.place()
        n = self.length(left)
        kind = r.randrange(40)
        if kind < 6:
            return f"{who}touch {a} {n}P {self.pick('r', 'w', 'w')}"
        if kind < 11:
            h = r.choice("PQRS")
            self.handles.append(h)
            return (f"{who}{self.pick('pin', 'pin', 'pin', 'get')} {h} {a} {n} flags={r.choice(FLAGS) or '0'} "
                    f"api={self.pick('fast', 'fast', 'slow', 'unlocked', 'remote', 'fastonly')}")
        if kind < 15 and self.handles:
            h = r.choice(self.handles)
            return f"{who}{self.pick('unpin', 'unpin', 'put')} {h}" + self.pick("", "", " count=1", " how=dirty", " first=1")
        if kind == 15 and len(self.actors) < 4:
            child = f"C{len(self.actors)}"
            self.actors.append(child)
            return f"{who}fork {child}"
        if kind == 16 and len(self.actors) > 1:
            return f"exit {r.choice(self.actors[1:])}"
        if kind == 17 and len(self.files) < 3:
            name = f"F{len(self.files)}"
            self.files.append(name)
            return f"file {name} {r.choice(FILES)}"
        if kind < 21:
            return f"{who}madvise {a} {n}P {r.choice(ADVICE)}"
        if kind < 24:
            return f"{who}mprotect {a} {n}P {self.pick('r', 'rw', 'none', 'rwx', 'x')}"
        if kind == 24:
            return f"{who}munmap {a} {n}P"
        if kind < 28:
            return f"{who}inspect {a} {min(n, 4)}"
        if kind == 28:
            return f"{who}mremap {a} {n}P {self.length(left)}P" + self.pick("", " as=E", " as=E dontunmap")
        if kind == 29:
            return f"{who}migrate {a} {min(n, 8)}" + self.pick("", " to=cma", " to=movable", " to=normal")
        if kind == 30:
            return f"{who}{self.pick('mlock', 'munlock')} {a} {n}P"
        if kind == 31:
            return self.pick("ksmrun", "dropcaches", "vmstat", f"{who}mmstat", "poolstat 2m", "thpzero 0", "thpzero 1", "thp always",
                             "mthp 64K always", f"hugepool 2m {r.randrange(17)}", f"overcommit 2m {r.randrange(3)}", "poll main")
        if kind == 32 and self.files:
            f = r.choice(self.files)
            slow = self.pick(f"ftruncate {f} {r.randrange(10)}P", f"fallocate {f} punch {r.randrange(4)}P 2P", f"close {f}",
                             f"fsync {f}", f"pwrite {f} {r.randrange(20000)} 7", f"pread {f} {r.randrange(20000)}",
                             f"dio_read {f} 0 {a} 1P", f"dio_write {f} 0 {a} 1P", f"fadvise {f} dontneed",
                             f"fallocate {f} zero 0 1P", f"fallocate {f} collapse 0 1P", f"fallocate {f} alloc 0 9P")
            return (f"{actor}:& {slow}" if r.random() < 0.4 else who + slow)
        if kind == 33:
            return f"{who}hmm {a} {min(n, 8)} {self.pick('todev', 'tosys')}"
        if kind == 34:
            return f"{who}{self.pick(f'iobuf {a} {n}P', 'iobuf_unreg')}"
        if kind == 35:
            return f"{who}{self.pick(f'mbind {a} {n}P {r.randrange(2)}', f'movepages {a} {min(n, 8)} node={r.randrange(2)}', f'split {a} {n}P')}"
        if kind == 36:
            return self.pick(f"{who}uffd U {a} {n}P {self.pick('missing', 'wp', 'both')}", f"{who}uffdcopy U {a} 5", f"{who}uffdzero U {a} 1P",
                             f"{who}uffdwp U {a} {n}P {self.pick('on', 'off')}", f"{who}uffdread U")
        if kind == 37:
            return f"{actor}:& {self.pick(f'touch {a} {n}P w', f'pin T {a} {n} flags=write', f'load {a}')}"
        if kind == 38:
            return f"wait {r.choice(self.actors)}"
        if kind == 39 and self.handles:
            return self.pick(f"addpin {r.choice(self.handles)}" if r.random() < 0.2 else f"dma_write {r.choice(self.handles)} 0 {r.randrange(4096)} 3",
                             f"pinspect {r.choice(self.handles)}")
        return f"{who}{self.pick(f'store {a} {r.randrange(256)}', f'load {a}')}"

    def text(self):
        return "".join(self.line() + "\n" for _ in range(self.r.randrange(5, 60)))


def fault(player, profile, text, folder):
    """Returns: what is wrong with playing `text`, or None."""
    path = os.path.join(folder, "random.scn")
    with open(path, "w") as f:
        f.write(text)
    try:
        run = subprocess.run([player, "--audit-every", "4", "--profile", profile, path], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "hangs"
    if run.returncode not in (0, 2):
        return f"status {run.returncode}: {run.stderr[-300:]}"
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if answers[-1]["op"] != "end" or len(answers) != text.count("\n") + 1:
        return "does not reach its end"
    end = answers[-1]["observed"]
    if end["zero_ref"] != 0 or (end["leak"] != 0 and not any(a["op"] == "addpin" for a in answers)):
        return f"leaves something over: {end}"
    return None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    count, seed = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((2, 24), (3, 1)))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for s in range(seed, seed + count):
            text = Writer(s).text()
            for profile in ("linux_6_12", "foll_pin_2019"):
                if why := fault(sys.argv[1], profile, text, folder):
                    wrong += 1
                    print(f"seed {s}, {profile}: {why}\n{text}", flush=True)
    print(f"{count} random scenarios in two profiles, {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
