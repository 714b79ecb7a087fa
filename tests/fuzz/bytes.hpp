// SPDX-License-Identifier: BSL-1.0
// What a fuzz target needs: choices made from bytes, and a way to say that something is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

/// The entry point that libFuzzer, AFL++ and main.cpp call.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Choices, one byte each; when there are no more, every choice is the first.
class bytes {
public:
    bytes(const std::uint8_t* data, std::size_t size) noexcept : at_(data), left_(size) {}

    [[nodiscard]] bool empty() const noexcept { return left_ == 0; }
    [[nodiscard]] unsigned next() noexcept {
        if (left_ == 0) return 0;
        --left_;
        return *at_++;
    }
    /// Returns: one of 0 … n − 1.
    [[nodiscard]] unsigned below(unsigned n) noexcept { return next() % n; }

private:
    const std::uint8_t* at_;
    std::size_t left_;
};

[[noreturn]] inline void wrong(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
    std::abort();
}

}  // namespace fuzz

#define FUZZ_CHECK(condition) \
    do { \
        if (!(condition)) fuzz::wrong(#condition, __FILE__, __LINE__); \
    } while (false)
