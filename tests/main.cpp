// SPDX-License-Identifier: BSL-1.0
// Catch2's main: by far the slowest file to compile, so every test program links this one object.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
