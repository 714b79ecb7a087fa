// SPDX-License-Identifier: BSL-1.0
#include "number.hpp"

#include <charconv>

namespace scenario {

namespace {

unsigned shift_of(char suffix) noexcept {
    switch (suffix) {
        case 'K': return 10;
        case 'M': return 20;
        case 'G': return 30;
        case 'P': return 12;
        case 'H': return 21;
        default: return 0;
    }
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    unsigned shift = 0;
    if (!text.empty()) shift = shift_of(text.back());
    if (shift != 0) text.remove_suffix(1);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (shift != 0 && value >> (64 - shift) != 0) return std::nullopt;
    value <<= shift;
    return negative ? 0 - value : value;
}

}  // namespace scenario
