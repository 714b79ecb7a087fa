// SPDX-License-Identifier: BSL-1.0
#include "proc_limits.hpp"

#include "problem.hpp"

namespace pinscope {

u64 parse_memlock(std::string_view text, const std::string& file) {
    constexpr std::string_view name = "Max locked memory";
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto line = take_line(text);
        if (!line.starts_with(name)) continue;
        line.remove_prefix(name.size());
        const auto soft = take_word(line);
        if (soft == "unlimited") return unlimited;
        if (const auto bytes = to_number(soft, 10)) return *bytes;
        throw bad_line(file, number, "a number or 'unlimited' expected, found '" + printable(soft.substr(0, 60)) + "'");
    }
    throw problem(file + ": no line 'Max locked memory'");
}

}  // namespace pinscope
