# SPDX-License-Identifier: BSL-1.0
"""Two translation units that include every header link to one program that runs and needs no Boost library.

twice.py INCLUDE_DIR COMPILER...   The compiler's arguments, also those for linking, come with it.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def check(command, **kwargs):
    result = subprocess.run(command, text=True, capture_output=True, check=False, **kwargs)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def main(include, *compiler):
    headers = sorted(path.relative_to(include) for path in Path(include, "pinfold").rglob("*.hpp"))
    everything = "".join(f"#include <{header}>\n" for header in headers) + '#include "words.hpp"\n'
    with tempfile.TemporaryDirectory() as folder:
        one, two, program = (Path(folder, name) for name in ("one.cpp", "two.cpp", "program"))
        one.write_text(everything + "std::int64_t other() { return use_all(); }\n")
        two.write_text(everything + "std::int64_t other();\nint main() { return other() == use_all() ? 0 : 1; }\n")
        check([*compiler, "-I", HERE, one, two, "-o", program])
        check([program])
        needed = check(["readelf", "--dynamic", program])
        undefined = check(["nm", "--demangle", "--undefined-only", program])
    if "NEEDED" not in needed:
        sys.exit(f"readelf shows no libraries at all:\n{needed}")
    boost = [line for line in (needed + undefined).splitlines() if "boost" in line]
    if boost:
        sys.exit("\n".join(["the program needs a Boost library:", *boost]))


if __name__ == "__main__":
    main(*sys.argv[1:])
