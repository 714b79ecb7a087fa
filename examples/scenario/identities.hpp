// SPDX-License-Identifier: BSL-1.0
// Small integers for pages, in the order in which they first appear in the output. Memory that was freed and handed
// out again is another page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace scenario {

class identities {
public:
    std::int64_t of(std::uint64_t frame, std::uint32_t generation) {
        return ids_.try_emplace({frame, generation}, static_cast<std::int64_t>(ids_.size())).first->second;
    }
    /// Returns: the number, if the page has appeared already.
    [[nodiscard]] std::optional<std::int64_t> find(std::uint64_t frame, std::uint32_t generation) const {
        const auto it = ids_.find({frame, generation});
        return it == ids_.end() ? std::nullopt : std::optional(it->second);
    }

private:
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::int64_t> ids_;
};

}  // namespace scenario
