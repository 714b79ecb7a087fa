# SPDX-License-Identifier: BSL-1.0
# Sourced by examples/run, tests/run and bench/run: sees that the packages a build needs are there.
# On Debian and its kin the missing ones are installed, and said first; elsewhere they are named.

missing=''

has_command() { command -v "$1" >/dev/null 2>&1; }

# Asks the compiler, so that headers outside /usr/include count as well.
has_header() { echo "#include <$1>" | g++ -std=c++20 -E -x c++ - >/dev/null 2>&1; }

has_clang_runtime() { echo 'int main() {}' | clang++ -fsanitize=address -x c++ - -o /dev/null 2>/dev/null; }

has_libcxx() { echo '#include <version>' | clang++ -stdlib=libc++ -E -x c++ - >/dev/null 2>&1; }

# need PACKAGE KIND [NAME]: notes the Debian package where has_KIND NAME fails.
need() {
    "has_$2" "${3:-}" || missing="$missing $1"
}

needs_of_a_build() {
    need g++ command g++
    need python3 command python3
    need meson command meson
    need ninja-build command ninja
    need pkg-config command pkg-config
    need cmake command cmake # range-v3 is found through its CMake package
    need libboost-dev header boost/atomic.hpp
    need librange-v3-dev header range/v3/version.hpp
    need catch2 header catch2/catch.hpp
    need nlohmann-json3-dev header nlohmann/json.hpp
    need libcli11-dev header CLI/CLI.hpp
}

# What only some rows of tests/matrix.py use: left out where missing, but never in continuous integration.
needs_of_every_row() {
    need clang command clang++
    need libclang-rt-dev clang_runtime
    need llvm command llvm-cov
    need libc++-dev libcxx
    need libc++abi-dev libcxx
    need g++-aarch64-linux-gnu command aarch64-linux-gnu-g++
    need qemu-user command qemu-aarch64
    need valgrind command valgrind
}

# get_missing FUNCTION...: the functions list the needs.
get_missing() {
    missing=''
    for list in "$@"; do "$list"; done
    [ -n "$missing" ] || return 0

    as_root=''
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    if ! has_command apt-get || { [ -n "$as_root" ] && ! has_command "$as_root"; }; then
        echo "missing packages (Debian names):$missing" >&2
        exit 2
    fi

    echo "installing with apt-get:$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words, on purpose
    apt_install() {
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1
    }
    apt_install || { $as_root apt-get update -q >>"$log" 2>&1; apt_install; } || {
        cat "$log" >&2
        echo "could not install:$missing" >&2
        exit 2
    }
    rm -f "$log"

    missing=''
    for list in "$@"; do "$list"; done
    [ -z "$missing" ] || { echo "installed but not found:$missing" >&2; exit 2; }
}
