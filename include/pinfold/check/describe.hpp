// SPDX-License-Identifier: BSL-1.0
// One step of a trace as a line of text.
#pragma once

#include <cstdint>
#include <string>

#include "operation.hpp"
#include "registry.hpp"
#include "schedule.hpp"

namespace pinfold::check::detail {

/// where: the word it was done to; null for none. behind: stores between the one it read and the newest.
[[nodiscard]] inline std::string describe(const registry& objects, unsigned thread, const operation& op, const effect& e,
                                          outcome_choice way, std::uint32_t behind, const void* where) {
    static constexpr const char* names[] = {"load", "store", "add", "change", "swap_if", "take", "fence", "resume", "park",
                                            "woken", "wake"};
    std::string line = std::string(1, thread_name(thread)) + "  " + names[static_cast<unsigned>(op.what)];
    line.resize(12, ' ');
    if (where == nullptr) return line;
    line += objects.name(where);
    if (line.size() < 28) line.resize(28, ' ');
    line += ' ' + objects.value(e.before);
    if (e.wrote) return line + " -> " + objects.value(e.after);
    if (op.what == act::swap_if) line += way.spurious ? " fails for no reason" : " is not " + objects.value(op.expected);
    if (op.has_location() && behind != 0) line += "   (old: " + std::to_string(behind) + " stores behind)";
    return line;
}

}  // namespace pinfold::check::detail
