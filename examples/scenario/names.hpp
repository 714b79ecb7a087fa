// SPDX-License-Identifier: BSL-1.0
// The regions of a scenario: names bound to addresses when the line that defines them is read, also if it then fails.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace scenario {

/// A line that says something the language does not allow.
struct malformed {
    std::string why;
};

/// Where every process has what it did not map itself.
namespace place {
inline constexpr std::uint64_t stack = 0x7ffe00000000, vvar = 0x7ffe10000000, vdso = 0x7ffe10004000;
}

class region_names {
public:
    /// Effects: binds `name` to the next fresh place: 1 GiB aligned, nothing mapped near it.
    std::uint64_t bind_fresh(const std::string& name, std::uint64_t skew) {
        return bind(name, first_ + spacing_ * made_++ + skew);
    }
    std::uint64_t bind(const std::string& name, std::uint64_t address) { return bound_[name] = address; }

    /// Returns: the value of ADDR, i.e. NAME followed by any number of +NUM and -NUM. Throws: malformed.
    [[nodiscard]] std::uint64_t address(std::string_view text) const;
    /// Returns: how a person would write the address: "A+3P"; hexadecimal when no region is near.
    [[nodiscard]] std::string name_of(std::uint64_t address) const;

private:
    static constexpr std::uint64_t first_ = 0x100000000000, spacing_ = std::uint64_t{4} << 30;

    std::map<std::string, std::uint64_t, std::less<>> bound_ = {
        {"@null", 0},
        {"@kernel", 0xffff888000100000},
        {"@vsyscall", 0xffffffffff600000},
        {"@tasktop", 0x7ffffffff000},
        {"@noncanon", 0x800000000000},
        {"@last", 0xfffffffffffff000},
        {"@stack", place::stack},
        {"@vvar", place::vvar},
        {"@vdso", place::vdso},
    };
    std::uint64_t made_ = 0;
};

/// Returns: the value of NUM. Throws: malformed.
[[nodiscard]] std::uint64_t number_in(std::string_view text);

}  // namespace scenario
