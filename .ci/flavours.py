# SPDX-License-Identifier: BSL-1.0
"""The flavours this project is built in, one line why for each, and how one is configured and built.

As a program:  flavours.py NAME FOLDER   builds FOLDER's programs and prints their paths, last on stdout.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Tests are compiled more often than they run: no optimisation (what runs long asks for its own), and no debug
# information where none is read. The optimiser has its turn in `release`, in tests/disassembly, and with the sanitizers.
TESTED = ("-Doptimization=0", "-Ddebug=false")


def _clang_sanitizes():
    """Whether clang is here, its runtime, which is a package of its own, and what reads the lines it counted."""
    return shutil.which("clang++") and shutil.which("llvm-cov") and subprocess.run(
        ["clang++", "-fsanitize=address", "-x", "c++", "-", "-o", os.devnull],
        input="int main() {}", text=True, stderr=subprocess.DEVNULL, check=False).returncode == 0


# With sanitizers clang compiles in a third of g++'s time, and without optimisation in half of that.
SANITIZING_CXX = "clang++" if _clang_sanitizes() else "g++"
SANITIZED = ("-Doptimization=0", "-Ddebug=false", "-Db_lundef=false")


@dataclass(frozen=True)
class Flavour:
    name: str
    why: str
    cxx: str
    options: tuple
    tools: tuple = ()  # what it needs besides the compiler

    @property
    def dir(self):
        return ROOT / ".build" / self.name


# Of null pointers and crooked ones AddressSanitizer says what there is to say: asked at every access, they are a fifth of
# the time.
UNASKED = " -fno-sanitize=null,alignment" if SANITIZING_CXX == "clang++" else ""

FLAVOURS = {f.name: f for f in [
    Flavour("release", "what people run and measure", "g++", ("-Dbuildtype=release",)),
    Flavour("gcc", "the compiler of the distribution", "g++", TESTED),
    Flavour("clang", "a second reader of the same C++", "clang++", TESTED),
    Flavour("asan", "lifetimes and arithmetic (AddressSanitizer, UndefinedBehaviorSanitizer); counts which lines are run",
            SANITIZING_CXX, (*SANITIZED, "-Db_sanitize=address,undefined", "-Db_coverage=true",
                             "-Dcpp_args=-fno-sanitize-recover=all" + UNASKED),
            ("llvm-cov" if SANITIZING_CXX == "clang++" else "gcov",)),
    Flavour("tsan", "data races (ThreadSanitizer)", SANITIZING_CXX,
            (*SANITIZED, "-Db_sanitize=thread", "-Dcpp_args=-g1")),
    Flavour("libcxx", "a second standard library", "clang++",
            (*TESTED, "-Dcpp_args=-stdlib=libc++", "-Dcpp_link_args=-stdlib=libc++")),
    Flavour("arm64", "load-linked atomics instead of locked instructions (under qemu)", "g++",
            (*TESTED, "--cross-file", str(ROOT / ".ci/arm64.ini")), ("aarch64-linux-gnu-g++", "qemu-aarch64")),
]}

_start = time.monotonic()


def stage(text):
    print(f"[{time.monotonic() - _start:5.0f} s] {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """A step failed; its output has been printed."""


def follow(command, **kwargs):
    """Runs a command silently, with a sign of life every ten seconds. Returns exit status and output."""
    lines, shown = [], time.monotonic()
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", **kwargs) as process:
        for line in process.stdout:
            lines.append(line)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                stage(f"  {line.strip()[:100]}")
    return process.returncode, "".join(lines)


def must(what, command, **kwargs):
    status, output = follow(command, **kwargs)
    if status != 0:
        sys.stderr.write(output)
        stage(f"{what} failed")
        raise Failed(what)


def sources():
    """What a build is configured from: the meson.build files, and what they look for by name."""
    found = sorted(p for pattern in ("**/meson.build", "*/*.cpp") for p in ROOT.glob(pattern)
                   if not p.relative_to(ROOT).parts[0].startswith("."))
    return "".join(f"{p.relative_to(ROOT)} {zlib.crc32(p.read_bytes()) if p.name == 'meson.build' else ''}\n" for p in found)


def configure(flavour):
    """Configures once, and again only when an option or a meson.build changed, or a file came or went that is looked for."""
    listing = flavour.dir / "configured-for.txt"
    known = listing.read_text() if listing.exists() else None
    now = f"{' '.join(flavour.options)}\n{sources()}"
    if known == now:
        return
    stage(f"{flavour.name}: configure")
    again = ["--reconfigure"]
    if known is None:
        shutil.rmtree(flavour.dir, ignore_errors=True)
        again = []
    must(f"{flavour.name}: configure",
         ["meson", "setup", *again, *flavour.options, str(flavour.dir), str(ROOT)],
         env={**os.environ, "CXX": flavour.cxx})
    listing.write_text(now)


def introspect(flavour, what):
    return json.loads((flavour.dir / "meson-info" / f"intro-{what}.json").read_text())


def programs(flavour, folder):
    """The programs that FOLDER's meson.build and those below it build."""
    return [pathlib.Path(t["filename"][0]) for t in introspect(flavour, "targets")
            if t["type"] == "executable"
            and pathlib.Path(t["defined_in"]).is_relative_to(ROOT / folder)]


def ninja(flavour, targets):
    """Builds the given files; nothing given means everything."""
    stage(f"{flavour.name}: build")
    names = [str(pathlib.Path(t).relative_to(flavour.dir)) for t in targets]
    must(f"{flavour.name}: build", ["ninja", "-C", str(flavour.dir), *names])


def main(name, folder):
    flavour = FLAVOURS[name]
    try:
        configure(flavour)
        built = programs(flavour, folder)
        if built:
            ninja(flavour, built)
    except Failed:
        return 1
    for program in built:
        print(program)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
