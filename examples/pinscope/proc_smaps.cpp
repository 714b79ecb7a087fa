// SPDX-License-Identifier: BSL-1.0
#include "proc_smaps.hpp"

#include <array>

#include "problem.hpp"
#include "proc_maps.hpp"

namespace pinscope {

namespace {

struct key {
    std::string_view name;
    u64 region::*member;
};
constexpr std::array keys{
    key{"KernelPageSize", &region::kernel_page},
    key{"Rss", &region::rss},
    key{"Swap", &region::swap},
    key{"Anonymous", &region::anonymous},
    key{"Locked", &region::locked},
    key{"AnonHugePages", &region::anon_huge},
    key{"ShmemPmdMapped", &region::file_huge},
    key{"FilePmdMapped", &region::file_huge},
    key{"Shared_Hugetlb", &region::hugetlb},
    key{"Private_Hugetlb", &region::hugetlb},
};

void take_value(region& r, std::string_view name, std::string_view rest, const std::string& file, std::size_t number) {
    for (const auto& k : keys)
        if (k.name == name) {
            const auto value = to_number(take_word(rest), 10);
            if (!value || *value > unlimited / 1024 || take_word(rest) != "kB")
                throw bad_line(file, number, "a number of kB expected after '" + printable(name) + ":'");
            // Two keys may feed one member; they are never both set but for hugetlb, where they add up.
            r.*k.member = name == "KernelPageSize" ? *value * 1024 : r.*k.member + *value * 1024;
            return;
        }
    if (name == "VmFlags")
        for (auto flag = take_word(rest); !flag.empty(); flag = take_word(rest))
            r.flags.emplace_back(flag);
}

}  // namespace

std::vector<region> parse_smaps(std::string_view text, const std::string& file) {
    std::vector<region> regions;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto line = take_line(text);
        // A heading begins with a lower-case hex digit, a key with a capital.
        const bool is_key = !line.empty() && line.front() >= 'A' && line.front() <= 'Z';
        if (!is_key) {
            append_region(regions, parse_maps_line(line, file, number), file, number);
            continue;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            throw bad_line(file, number, "'Key:' expected, found '" + printable(line.substr(0, 60)) + "'");
        if (regions.empty()) throw bad_line(file, number, "a key before the first region");
        take_value(regions.back(), line.substr(0, colon), line.substr(colon + 1), file, number);
    }
    return regions;
}

}  // namespace pinscope
