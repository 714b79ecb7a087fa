// SPDX-License-Identifier: BSL-1.0
// A page dump says _refcount is 2052. What may that mean?
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <pinfold/pinfold.hpp>

// 1. The word of a Linux page without an exact count: 1024 units per pin, zero is dead, no budget known.
struct linux_word : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

int main(int argc, char** argv) {
    const char* const text = argc > 1 ? argv[1] : "2052";
    std::int32_t word = 0;
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, word);
    if (argc > 2 || error != std::errc{} || stop != end) {
        if (error == std::errc::result_out_of_range)
            std::fprintf(stderr, "decode_word: '%s' does not fit a 32-bit count word\n", text);
        else if (argc > 2)
            std::fprintf(stderr, "decode_word: one number, not %d\n", argc - 1);
        else
            std::fprintf(stderr, "decode_word: '%s' is not a number, e.g. 2052 or -2147482624\n", text);
        return 2;
    }

    // 2. Every way to read it: 1024 references look like a pin, so the number of pins is never certain.
    const pinfold::decoded meaning = pinfold::decode<linux_word>(word);
    std::printf("%s\n", pinfold::decoded_text(meaning).c_str());

    // 3. All readings weigh the same; most_pins() is an upper bound, not a count.
    for (std::uint64_t i = 0; i < meaning.size() && i < 1000; ++i)
        if (static_cast<std::uint32_t>(meaning[i].refs + meaning[i].pins * 1024) != static_cast<std::uint32_t>(word))
            return 1;
    return argc > 1 || meaning.size() == 3 ? 0 : 1;
}
