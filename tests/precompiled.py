# SPDX-License-Identifier: BSL-1.0
"""A header compiled once for many short compilations that begin with it. Used by tests/headers and tests/compile_fail."""
import subprocess
from pathlib import Path


def begin_with(compiler, name, folder):
    """Returns: the arguments that begin a file with the header, compiled in the folder; none where the compiler cannot.
    name: as it is written behind #include, with its brackets or quotes."""
    text = Path(folder, "begin-" + name.strip('<>"').replace("/", "-"))
    text.write_text(f"#include {name}\n")
    is_clang = "clang" in subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False).stdout
    compiled = f"{text}.pch" if is_clang else f"{text}.gch"
    result = subprocess.run([*compiler, "-x", "c++-header", text, "-o", compiled], capture_output=True, check=False)
    if result.returncode != 0:
        return []
    return ["-include-pch", compiled] if is_clang else ["-include", str(text)]
