# SPDX-License-Identifier: BSL-1.0
"""Builds and runs client.cpp the way a stranger would: WAY is pkg-config, cmake or subproject.

consume.py WAY SOURCE_ROOT VERSION COMPILER...
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def check(*command, **kwargs):
    result = subprocess.run(command, text=True, capture_output=True, check=False, **kwargs)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def install(source, folder):
    """Headers only: there is nothing to build before installing."""
    prefix = folder / "prefix"
    check("meson", "setup", f"--prefix={prefix}", folder / "packaging", source)
    check("meson", "install", "-C", folder / "packaging", "--no-rebuild")
    return prefix


def with_pkg_config(source, folder, version, compiler):
    prefix = install(source, folder)
    os.environ["PKG_CONFIG_PATH"] = str(prefix / "share/pkgconfig")
    check("pkg-config", f"--exact-version={version}", "pinfold")
    flags = check("pkg-config", "--cflags", "--libs", "pinfold").split()
    check(*compiler, "-std=c++20", HERE / "client.cpp", *flags, "-o", folder / "client")
    return folder / "client"


def with_cmake(source, folder, version, _):
    prefix = install(source, folder)
    shutil.copytree(HERE, folder / "client")
    check("cmake", "-G", "Ninja", "-S", folder / "client", "-B", folder / "build",
          f"-DCMAKE_PREFIX_PATH={prefix}", f"-DWANTED_VERSION={version}")
    check("cmake", "--build", folder / "build")
    return folder / "build/client"


def with_subproject(source, folder, *_):
    client = folder / "client"
    ignore = shutil.ignore_patterns(".git", ".build", "subprojects")
    shutil.copytree(source, client / "subprojects/pinfold", ignore=ignore)
    shutil.copy(HERE / "client.cpp", client)
    shutil.copy(HERE / "as_subproject.build", client / "meson.build")
    check("meson", "setup", "--wrap-mode=forcefallback", folder / "build", client)
    check("ninja", "-C", folder / "build")
    return folder / "build/client"


WAYS = {"pkg-config": with_pkg_config, "cmake": with_cmake, "subproject": with_subproject}


def main(way, source, version, *compiler):
    os.environ["CXX"] = " ".join(compiler)
    os.environ.pop("DESTDIR", None)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # CMake, which meson asks, leaves a folder where it stands, and removes it: not beside the others
        client = WAYS[way](Path(source), Path(folder), version, compiler)
        said = check(client).strip()
    if said != version:
        sys.exit(f"the client says {said}, not {version}")


if __name__ == "__main__":
    main(*sys.argv[1:])
