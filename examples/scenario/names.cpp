// SPDX-License-Identifier: BSL-1.0
#include "names.hpp"

#include <cstdio>

#include "number.hpp"

namespace scenario {

std::uint64_t number_in(std::string_view text) {
    if (const auto n = parse_number(text)) return *n;
    throw malformed{"'" + std::string(text) + "' is no number"};
}

std::uint64_t region_names::address(std::string_view text) const {
    const std::size_t end = text.find_first_of("+-");
    const auto base = bound_.find(text.substr(0, end));
    if (base == bound_.end()) throw malformed{"no region is called '" + std::string(text.substr(0, end)) + "'"};
    std::uint64_t at = base->second;
    text.remove_prefix(end == text.npos ? text.size() : end);
    while (!text.empty()) {
        const bool minus = text.front() == '-';
        text.remove_prefix(1);
        const std::string_view term = text.substr(0, text.find_first_of("+-"));
        const std::uint64_t n = number_in(term);
        at = minus ? at - n : at + n;
        text.remove_prefix(term.size());
    }
    return at;
}

std::string region_names::name_of(std::uint64_t address) const {
    const std::string* best = nullptr;
    std::uint64_t distance = spacing_;
    for (const auto& [name, at] : bound_)
        if (at != 0 && at <= address && address - at < distance) {
            best = &name;
            distance = address - at;
        }
    char text[32];
    if (!best) {
        std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
        return text;
    }
    std::string name = *best;
    if (distance >> 12 != 0) name += "+" + std::to_string(distance >> 12) + "P";
    if ((distance & 4095) != 0) name += "+" + std::to_string(distance & 4095);
    return name;
}

}  // namespace scenario
