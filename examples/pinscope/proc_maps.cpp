// SPDX-License-Identifier: BSL-1.0
#include "proc_maps.hpp"

#include <tuple>
#include <utility>

#include "problem.hpp"

namespace pinscope {

namespace {

/// Cuts fields off one line, and complains about the first that is wrong.
struct fields {
    std::string_view rest;
    const std::string& file;
    std::size_t number;

    [[noreturn]] void complain(const std::string& what, std::string_view found) const {
        throw bad_line(file, number, what + ", found '" + printable(found.substr(0, 60)) + "'");
    }

    std::pair<u64, u64> two(char between, const char* what) {
        const auto word = take_word(rest);
        const auto at = word.find(between);
        if (at != std::string_view::npos) {
            const auto first = to_number(word.substr(0, at), 16);
            const auto second = to_number(word.substr(at + 1), 16);
            if (first && second) return {*first, *second};
        }
        complain(what, word);
    }

    u64 one(int base, const char* what) {
        const auto word = take_word(rest);
        const auto value = to_number(word, base);
        return value ? *value : (complain(what, word), 0);
    }

    bool letter(std::string_view word, std::size_t at, char yes, char no) const {
        if (word[at] != yes && word[at] != no) complain("permissions like 'rw-p' expected", word);
        return word[at] == yes;
    }
};

}  // namespace

region parse_maps_line(std::string_view line, const std::string& file, std::size_t number) {
    fields f{line, file, number};
    region r;
    std::tie(r.begin, r.end) = f.two('-', "an address range like '1000-2000' expected");
    if (r.begin >= r.end || r.begin % page_size != 0 || r.end % page_size != 0)
        f.complain("a range of whole pages expected", line);

    const auto word = take_word(f.rest);
    if (word.size() != 4) f.complain("permissions like 'rw-p' expected", word);
    r.read = f.letter(word, 0, 'r', '-');
    r.write = f.letter(word, 1, 'w', '-');
    r.execute = f.letter(word, 2, 'x', '-');
    r.shared = f.letter(word, 3, 's', 'p');

    r.offset = f.one(16, "a hexadecimal file offset expected");
    const auto [device_major, device_minor] = f.two(':', "a device like '08:01' expected");
    if (device_major > 0xffffffff || device_minor > 0xffffffff)
        f.complain("a device number of at most 32 bits expected", line);
    r.device_major = static_cast<std::uint32_t>(device_major);
    r.device_minor = static_cast<std::uint32_t>(device_minor);
    r.inode = f.one(10, "a decimal inode number expected");

    // The name is the rest of the line, blanks inside and at its end included.
    const auto begin = f.rest.find_first_not_of(' ');
    if (begin != std::string_view::npos) r.name = f.rest.substr(begin);
    constexpr std::string_view gone = " (deleted)";
    if (r.name.size() > gone.size() && r.name.ends_with(gone)) {
        r.deleted = true;
        r.name.resize(r.name.size() - gone.size());
    }
    return r;
}

void append_region(std::vector<region>& regions, region next, const std::string& file, std::size_t number) {
    if (!regions.empty() && next.begin < regions.back().end)
        throw bad_line(file, number,
                       "regions must not overlap, but " + hex(next.begin) + " is below " + hex(regions.back().end));
    regions.push_back(std::move(next));
}

std::vector<region> parse_maps(std::string_view text, const std::string& file) {
    std::vector<region> regions;
    for (std::size_t number = 1; !text.empty(); ++number)
        append_region(regions, parse_maps_line(take_line(text), file, number), file, number);
    return regions;
}

}  // namespace pinscope
