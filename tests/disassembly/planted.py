# SPDX-License-Identifier: BSL-1.0
"""Code by hand compared with the same code in which something was planted: the comparison must see it.

planted.py FOLDER COMPILER...   The compiler's arguments come with it.
"""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import compare  # noqa: E402

ADD = "if (__atomic_add_fetch(&p->count, pin_units, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {\n        take_back(p,"
UNPIN = "if (drop(p->count, pin_units)) [[unlikely]]\n        last_out(p);"

# what is planted, where, and the functions that differ for it
PLANTED = [
    ("nothing", "", "", ()),
    ("an instruction that does nothing", ADD, '__asm__ volatile("nop");\n    ' + ADD, ("try_pin",)),
    ("a load", ADD, "(void)__atomic_load_n(&p->count, __ATOMIC_RELAXED);\n    " + ADD, ("try_pin",)),
    ("another constant", ADD, ADD.replace("pin_units,", "pin_units + 1,", 1), ("try_pin",)),
    ("the opposite test", ADD, ADD.replace("< 0", ">= 0"), ("try_pin",)),
    ("a second locked instruction", ADD, "__atomic_add_fetch(&p->count, 1, __ATOMIC_RELAXED);\n    " + ADD,
     ("try_pin",)),
    ("a call in the hot part", UNPIN, "last_out(p);\n    " + UNPIN, ("unpin",)),
    ("a second call in the cold part", UNPIN, UNPIN.replace("last_out(p);", "{ overflowed(p, 1); last_out(p); }"),
     ("unpin",)),
    ("the cold side in place", UNPIN, UNPIN.replace("last_out(p);", "__atomic_store_n(&p->count, 7, 0);"),
     ("unpin",)),
    ("a stronger order", "return looks_pinned(__atomic_load_n", "__atomic_thread_fence(__ATOMIC_SEQ_CST);\n"
     "    return looks_pinned(__atomic_load_n", ("maybe_pinned",)),
]


def main(folder, *compiler):
    wrong, by_hand = 0, Path(folder, "by_hand")
    sound = (by_hand / "overlay.cpp").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        flags = [*compiler, "-I", str(by_hand)]
        reference = compare.build(flags, "-O2", by_hand / "overlay.cpp", scratch)
        for what, old, new, expected in PLANTED:
            if sound.count(old) < 1:
                wrong += 1
                print(f"{what}: found no place to plant it")
                continue
            source = Path(scratch, "planted.cpp")
            source.write_text(sound.replace(old, new, 1))
            found = compare.differences(compare.build(flags, "-O2", source, scratch), reference)
            seen = tuple(name for name, (_, why) in found.items() if why)
            if seen != expected:
                wrong += 1
                print(f"{what}: differences expected in {expected}, seen in {seen}")
    print(f"{len(PLANTED) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
