// SPDX-License-Identifier: BSL-1.0
// Numbers and names, from /proc to what people read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope {

using u64 = std::uint64_t;

/// Returns: the number the whole of `text` spells; nothing when it spells none or one beyond 64 bits.
[[nodiscard]] std::optional<u64> to_number(std::string_view text, int base);

/// Effects: cuts the first word off `text`, with the blanks before it. Returns: the word.
std::string_view take_word(std::string_view& text);

/// Effects: cuts the first line off `text`, with its newline. Returns: the line.
std::string_view take_line(std::string_view& text);

/// Returns: "64 MiB", "1.5 GiB", "4 KiB": three digits at most, rounded down.
[[nodiscard]] std::string human_bytes(u64 bytes);

/// Returns: 16384 as "16,384".
[[nodiscard]] std::string grouped(u64 number);

/// Returns: "1 page", "2 pages", "16,384 pages".
[[nodiscard]] std::string counted(u64 number, std::string_view noun);

/// Returns: lower-case hex digits without a prefix, as /proc writes addresses.
[[nodiscard]] std::string hex(u64 number);

/// Returns: `name` as valid UTF-8 without control characters; what is neither becomes '?'.
/// Names in /proc are other people's text: they may hold anything.
[[nodiscard]] std::string printable(std::string_view name);

/// Returns: how many columns `text` takes, every code point taking one. Requires: valid UTF-8.
[[nodiscard]] std::size_t columns(std::string_view text);

/// Returns: `text` cut or padded with blanks to exactly `width` columns. What is cut ends in "...";
/// `keep_end` cuts at the front instead: of a path, the end says more.
[[nodiscard]] std::string fitted(std::string_view text, std::size_t width, bool keep_end = false);

/// Returns: `text` broken at blanks into lines of at most `width` columns (longer words stand alone).
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// Returns: "EFAULT" for 14 and so on; "errno 77" for one that Linux' page pinning never gives.
[[nodiscard]] std::string errno_name(int error);

}  // namespace pinscope
