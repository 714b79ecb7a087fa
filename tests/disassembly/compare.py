# SPDX-License-Identifier: BSL-1.0
"""The library against code written by hand: the same instructions on every path that makes no call.

compare.py FOLDER COMPILER...   The compiler's arguments come with it. library/SET.cpp and by_hand/SET.cpp define
the same functions; both are compiled at -O2 and -O3, linked, and disassembled. Compared is the hot part: from the
entry along every jump, up to those behind which there is nothing but a call (those go to `cold`). Addresses are
replaced, padding is not reached, the rest is equal line by line or the test fails; a cold part may make one call.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEVELS = ("-O2", "-O3")
FUNCTIONS = ("try_pin", "try_pin_many", "pin", "unpin", "unpin_many", "maybe_pinned",
             "try_get", "get", "put", "put_many")

SYMBOL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\t(\S.*?)\s*$")
TARGET = re.compile(r"^(j\w+|call)\s+([0-9a-f]+) <")
ENDS = ("ret", "ud2", "hlt")


class Code:
    """The instructions of one linked program: the text, the next one and the function of each, by address."""
    def __init__(self, listing):
        self.text, self.next, self.owner, self.entry, owner, last = {}, {}, {}, {}, None, None
        for line in listing.splitlines():
            if found := SYMBOL.match(line):
                owner, last = found[2], None
                self.entry[owner] = int(found[1], 16)
            elif found := LINE.match(line):
                here = int(found[1], 16)
                self.text[here] = re.sub(r"\s+#.*|\s+<.*>$", "", found[2]) if not TARGET.match(found[2]) else found[2]
                self.owner[here] = owner.partition(" [clone .cold")[0]
                if last is not None:
                    self.next[last] = here
                last = here

    def target(self, here):
        """Where the jump or call at `here` goes, if it names a place."""
        found = TARGET.match(self.text[here])
        return int(found[2], 16) if found else None

    def leaves(self, here):
        """Whether the instruction calls, or jumps out of its function whatever the flags are."""
        text = self.text[here]
        if not text.startswith("jmp"):
            return text.startswith("call")
        to = self.target(here)
        return to is None or self.owner.get(to) != self.owner[here]

    def successors(self, here):
        text = self.text[here]
        if text.startswith(ENDS):
            return []
        to = self.target(here)
        if text.startswith("jmp"):
            return [to]
        after = [self.next[here]] if here in self.next else []
        return after + [to] if to is not None and text.startswith("j") else after

    def is_cold(self, here, inside, seen=()):
        """Whether every way from here leaves the function `inside` or calls before it returns."""
        if here in seen:
            return False
        if self.owner.get(here) != inside or self.leaves(here):
            return True
        onward = self.successors(here)
        return bool(onward) and all(self.is_cold(to, inside, (*seen, here)) for to in onward)


def walk(code, entry):
    """The hot instructions in the order in which a reader follows them, and where the cold parts begin.

    An address stands for its instruction; a pair (text, address) for a place where the reader goes elsewhere."""
    number, order, cold, queue, inside = {}, [], set(), [entry], code.owner[entry]
    while queue:
        here = queue.pop(0)
        if here in number:
            continue
        while here is not None:
            if code.is_cold(here, inside):
                cold.add(here)
                order.append(("cold", here))
                break
            if here in number:
                order.append(("goes on at", here))
                break
            number[here] = len(number)
            order.append(here)
            onward = code.successors(here)
            jumps = code.target(here)
            if jumps is not None:
                (cold.add if code.is_cold(jumps, inside) else queue.append)(jumps)
            here = None if code.text[here].startswith("jmp") or not onward else onward[0]
    return number, order, cold


def normalised(code, number, order):
    for item in order:
        if isinstance(item, tuple):
            text, to = item
            yield text if text == "cold" else f"{text} #{number[to]}"
            continue
        text, to = code.text[item], code.target(item)
        if to is not None:
            text = text.split()[0] + (" cold" if to not in number else f" #{number[to]}")
        yield re.sub(r"\s+", " ", text)


def calls(code, hot, inside, here, seen=()):
    """How many calls the longest way through a cold part makes before it returns to the hot part or the caller."""
    if here in hot or here in seen:
        return 0
    if code.owner.get(here) != inside:
        return 1
    onward = 0 if code.text[here].startswith("jmp") and code.leaves(here) else max(
        (calls(code, hot, inside, to, (*seen, here)) for to in code.successors(here)), default=0)
    return onward + code.leaves(here)


def build(compiler, level, source, folder):
    """Compiles one source with everything it calls left open, links it all the same, and disassembles it."""
    thing = Path(folder, f"{source.parent.name}.{source.stem}{level}")
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run([*compiler, level, "-DNDEBUG", "-fno-pie", "-no-pie", "-nostartfiles", str(source), "-o", str(thing),
                    "-Wl,--unresolved-symbols=ignore-all", "-Wl,-e,0"], check=True, env=environment)
    return Code(subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", str(thing)],
                               check=True, text=True, capture_output=True, env=environment).stdout)


def functions(code):
    named = {name.partition("(")[0]: at for name, at in code.entry.items() if " [clone" not in name}
    return {name: named[name] for name in FUNCTIONS if name in named}


def difference(library, here, hand, there):
    """How many hot instructions the library has at `here`, and how they differ from those of hand at `there`."""
    number, order, cold = walk(library, here)
    ours, theirs = list(normalised(library, number, order)), list(normalised(hand, *walk(hand, there)[:2]))
    if ours != theirs:
        width = max(map(len, [*ours, "library"])) + 4
        columns = zip(["library", *ours, *[""] * len(theirs)], ["by hand", *theirs, *[""] * len(ours)])
        return len(number), "\n".join(f"      {a:{width}}{b}" for a, b in columns if a or b)
    if not number:
        return 0, "      has no hot part"
    longest = max((calls(library, number, library.owner[here], at) for at in cold), default=0)
    return len(number), f"      a cold part makes {longest} calls, not one" if longest > 1 else ""


def differences(library, hand):
    """For each function: how many hot instructions it has, and what is wrong with it ('' when nothing is)."""
    here, there = functions(library), functions(hand)
    return {name: difference(library, here[name], hand, there[name]) if name in here and name in there
            else (0, f"      {name} is missing") for name in FUNCTIONS}


def compare(compiler, folder, policy, level):
    with tempfile.TemporaryDirectory() as scratch:
        return differences(*(build(compiler, level, Path(folder, side, f"{policy}.cpp"), scratch)
                             for side in ("library", "by_hand")))


def main(folder, *compiler):
    sets = sorted(path.stem for path in Path(folder, "library").glob("*.cpp"))
    cases = [(policy, level) for policy in sets for level in LEVELS]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found = dict(zip(cases, pool.map(lambda case: compare(compiler, folder, *case), cases)))
    print("instructions outside cold parts, the return included", *(f"  {level}" for level in LEVELS))
    failed = 0
    for policy in sets:
        for name in FUNCTIONS:
            counts = [found[policy, level][name] for level in LEVELS]
            print(f"  {policy + ' ' + name:50}", *(f"{count:5}" for count, _ in counts))
            for level, (_, why) in zip(LEVELS, counts):
                if why:
                    failed += 1
                    print(f"    differs from the code by hand at {level}:\n{why}")
    total = len(cases) * len(FUNCTIONS)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed or not sets else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
