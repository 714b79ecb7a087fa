// SPDX-License-Identifier: BSL-1.0
// The one door between pinscope and the reference MM: a machine with one task whose address space becomes that of
// the process. What is asked through it is answered by the MM's own page table walk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace pinscope {

/// What one pin call did.
struct pin_result {
    u64 pinned = 0;           ///< pages from the first on
    int error = 0;            ///< positive errno, when not even the first was pinned
    std::string rule;         ///< why, one sentence
    bool everywhere = false;  ///< the reason holds for the whole region
    u64 units = 0;            ///< added to count words
    bool changed = false;     ///< pages were faulted in or replaced by copies
    std::vector<path_use> paths;
};

class model {
public:
    virtual ~model() = default;

    /// Effects: maps the region and makes present what its runs say.
    virtual void build(const region& r) = 0;
    /// Effects: unmaps it.
    virtual void tear_down(const region& r) = 0;
    /// Effects: pins `pages` pages from page number `first` on. Every pin must be followed by unpin().
    [[nodiscard]] virtual pin_result pin(question q, u64 first, u64 pages) = 0;
    /// Effects: gives back what the last pin() took.
    virtual void unpin() = 0;
    /// Effects: drops pages that were faulted in, so that they are absent again.
    virtual void discard(const region& r, u64 first, u64 pages) = 0;
    /// Returns: the sum of the count words behind all present pages of the region, a head counted once per page.
    [[nodiscard]] virtual u64 count_words(const region& r) = 0;
    /// Effects: writes the machine's pin statistics to `b`.
    virtual void read_counters(balance& b) = 0;
};

/// Returns: an empty machine that follows the profile. `pages` is what must fit in it.
/// Fails when: no profile has that name: problem.
[[nodiscard]] std::unique_ptr<model> make_model(std::string_view profile, const process& p, u64 pages);

/// "linux_6_12", "foll_pin_2019".
[[nodiscard]] const std::vector<std::string>& profile_names();

}  // namespace pinscope
