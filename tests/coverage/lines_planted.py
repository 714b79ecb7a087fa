# SPDX-License-Identifier: BSL-1.0
"""Counts the lines of a header of which it is known what runs, and plants what lines.py has to refuse.

As a program: lines_planted.py COMPILER...   compiles two programs, and runs both or one.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import lines  # noqa: E402

HEADER = """#pragma once
template <class T> int sign(T x) {
    if (x < 0)
        return -1;
    if (x > 0)
        return 1;

    // Between the two.
    return 0;
}
inline void nothing(int) {
}
"""
PROGRAMS = {
    "down": '#include "fold/sign.hpp"\nint main() { return sign(-1) + sign(-1L) + 2; }\n',
    "up": '#include "fold/sign.hpp"\nint main() { nothing(0); return sign(1) - 1; }\n',
}

DOWN, BETWEEN = "sign.hpp: return -1; — nobody goes down", "sign.hpp: return 0; — nobody stays"


def silent(text, number):
    return f"sign.hpp: '{text}' (line {number}) is not run, and nothing says why"


def idle(text):
    return f"sign.hpp: '{text}' has a reason, but there is no such line that is not run"


# which programs ran, what is asked for, the figure, the faults expected
CASES = [
    (["down", "up"], f"at least 85 %\n{BETWEEN}", "85.71 % of 7", []),
    (["down", "up"], "at least 85 %", "85.71 % of 7", [silent("return 0;", 9)]),
    (["down", "up"], f"at least 86 %\n{BETWEEN}", "85.71 % of 7", ["less than 86 % run"]),
    (["up"], f"at least 50 %\n{BETWEEN}\n{DOWN}", "71.43 % of 7", []),
    (["up"], f"at least 50 %\n{BETWEEN}", "71.43 % of 7", [silent("return -1;", 4)]),
    (["up"], f"at least 50 %\n{DOWN}", "71.43 % of 7", [silent("return 0;", 9)]),
    (["down", "up"], f"at least 50 %\n{BETWEEN}\n{DOWN}", "85.71 % of 7", [idle("return -1;")]),
    (["down", "up"], f"at least 50 %\n{BETWEEN}\nsign.hpp: return 7; — gone", "85.71 % of 7", [idle("return 7;")]),
    (["down", "up"], f"at least 50 %\n{BETWEEN}\nsign.hpp: return -1; — at times: who is first", "85.71 % of 7", []),
    (["down", "up"], f"at least 50 %\n{BETWEEN}\nsign.hpp: return 7; — at times: who is first", "85.71 % of 7",
     [idle("return 7;")]),
    ([], f"at least 1 %\n{BETWEEN}", "0.00 % of 7", ["less than 1 % run"]),
    ([], "at least 0 %", "0.00 % of 7", [silent("template <class T> int sign(T x) {", 2)]),
]


def main(*compiler):
    wrong = []

    def expect(case, found, wanted):
        if found != wanted:
            wrong.append(f"{case}: {found}, not {wanted}")

    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        (build / "fold").mkdir()
        (build / "fold/sign.hpp").write_text(HEADER)
        for name, program in PROGRAMS.items():
            (build / f"{name}.cpp").write_text(program)
            subprocess.run([*compiler, "-I.", "-O0", "--coverage", "-c", f"{name}.cpp", "-o", f"{name}.o"],
                           cwd=build, check=True)
            subprocess.run([*compiler, "--coverage", f"{name}.o", "-o", name], cwd=build, check=True)

        for ran, asked, figure, faults in CASES:
            lines.forget(build)
            for name in ran:
                subprocess.run([build / name], cwd=build, check=True)
            (build / "reasons").write_text(asked + "\n")
            enough, out = lines.figure(build, build / "fold", build / "reasons")
            expect(f"{ran} {asked!r}: enough", enough, not faults)
            expect(f"{ran} {asked!r}: figure", f"fold/: {figure} lines run;" in out, True)
            expect(f"{ran} {asked!r}: faults", out.splitlines()[-len(faults):] if faults else [], faults)
            shown = "nobody goes down" in out
            expect(f"{ran} {asked!r}: reason shown", shown, ran == ["up"] and DOWN in asked)

        (build / "empty").mkdir()
        enough, out = lines.figure(build / "empty", build / "fold", build / "reasons")
        expect("nothing built", (enough, "nothing was counted" in out), (False, True))

    print(*wrong, sep="\n")
    print(f"{len(wrong)} of what was planted is not found" if wrong else "everything planted is found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
