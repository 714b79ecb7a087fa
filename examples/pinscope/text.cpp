// SPDX-License-Identifier: BSL-1.0
#include "text.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace pinscope {

std::optional<u64> to_number(std::string_view text, int base) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string_view take_word(std::string_view& text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        text = {};
        return {};
    }
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    return word;
}

std::string_view take_line(std::string_view& text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    return line;
}

std::string human_bytes(u64 bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    u64 tenths = 0;
    while (bytes >= 1024 && unit + 1 < units.size()) {
        tenths = bytes % 1024 * 10 / 1024;
        bytes /= 1024;
        ++unit;
    }
    auto text = std::to_string(bytes);
    if (bytes < 10 && tenths != 0) {
        text += '.';
        text += static_cast<char>('0' + tenths);
    }
    return text + " " + units[unit];
}

std::string grouped(u64 number) {
    auto text = std::to_string(number);
    for (auto at = text.size(); at > 3;)
        text.insert(at -= 3, 1, ',');
    return text;
}

std::string counted(u64 number, std::string_view noun) {
    return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string hex(u64 number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

namespace {

/// Returns: the length of the well-formed UTF-8 sequence at the front of `text`; 0 when there is none.
std::size_t sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = byte(0);
    const std::size_t length = lead < 0x80                    ? 1
                               : lead >= 0xc2 && lead <= 0xdf ? 2
                               : lead >= 0xe0 && lead <= 0xef ? 3
                               : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                              : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
    const bool beyond = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
    return overlong || beyond ? 0 : length;
}

}  // namespace

std::string printable(std::string_view name) {
    std::string clean;
    while (!name.empty()) {
        const auto length = sequence(name);
        const auto lead = static_cast<unsigned char>(name.front());
        // U+0080…U+009F steer some terminals as well.
        const bool control =
            lead < 0x20 || lead == 0x7f || (lead == 0xc2 && length == 2 && static_cast<unsigned char>(name[1]) < 0xa0);
        if (length == 0 || control)
            clean += '?';
        else
            clean += name.substr(0, length);
        name.remove_prefix(length == 0 ? 1 : length);
    }
    return clean;
}

std::size_t columns(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text)
        count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return count;
}

namespace {

/// Returns: the byte at which column `column` begins.
std::size_t byte_of(std::string_view text, std::size_t column) {
    std::size_t at = 0;
    while (at < text.size() && column != 0) {
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
            ++at;
        --column;
    }
    return at;
}

}  // namespace

std::string fitted(std::string_view text, std::size_t width, bool keep_end) {
    const auto have = columns(text);
    if (have <= width) return std::string(text) + std::string(width - have, ' ');
    const std::size_t dots = width < 3 ? width : 3;
    if (keep_end) return std::string(dots, '.') + std::string(text.substr(byte_of(text, have - width + dots)));
    return std::string(text.substr(0, byte_of(text, width - dots))) + std::string(dots, '.');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    std::string line;
    while (true) {
        const auto word = take_word(text);
        if (word.empty()) break;
        if (!line.empty() && columns(line) + 1 + columns(word) > width) lines.push_back(std::exchange(line, {}));
        line += line.empty() ? "" : " ";
        line += word;
    }
    if (!line.empty()) lines.push_back(line);
    return lines;
}

std::string errno_name(int error) {
    switch (error) {
        case 2: return "ENOENT";
        case 4: return "EINTR";
        case 11: return "EAGAIN";
        case 12: return "ENOMEM";
        case 14: return "EFAULT";
        case 16: return "EBUSY";
        case 17: return "EEXIST";
        case 22: return "EINVAL";
        case 31: return "EMLINK";
        case 75: return "EOVERFLOW";
        case 95: return "EOPNOTSUPP";
        case 121: return "EREMOTEIO";
        case 133: return "EHWPOISON";
        case 512: return "ERESTARTSYS";
        default: return "errno " + std::to_string(error);
    }
}

}  // namespace pinscope
