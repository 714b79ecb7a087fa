// SPDX-License-Identifier: BSL-1.0
// Which words of a large program are shared: those that two threads are seen to touch. All others are as good as plain
// memory, and cost the exploration nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "knowledge.hpp"

namespace pinfold::check::detail {

/// By address, for all executions of an exploration. Requires: a shared word is at the same address in each of them. One
/// that is not makes the executions differ, which ends the exploration with a fault: nothing is claimed then.
class found_words {
public:
    struct word {
        const void* address = nullptr;
        bool shared = false;
        unsigned toucher = main_thread;  ///< the one thread that has touched it, in the execution `touched`
        std::uint64_t touched = 0;
        std::uint64_t located = 0;       ///< the execution in which it is location `where`
        std::uint32_t where = 0;
    };

    /// Returns: what is known of the word; valid until the next call.
    [[nodiscard]] word& at(const void* address) {
        if (used_ * 2 >= table_.size()) grow();
        word& w = slot(address);
        if (w.address == nullptr) w.address = address, ++used_;
        return w;
    }
    /// Effects: `thread` touches the word. Returns: whether that shows for the first time that it is shared.
    [[nodiscard]] static bool touch(word& w, unsigned thread, std::uint64_t execution) noexcept {
        if (w.shared) return false;
        if (w.touched != execution) {
            w.touched = execution, w.toucher = thread;
            return false;
        }
        return w.shared = w.toucher != thread;
    }
    [[nodiscard]] bool any() const noexcept { return used_ != 0; }
    [[nodiscard]] std::size_t shared() const noexcept {
        std::size_t n = 0;
        for (const word& w : table_) n += w.shared ? 1 : 0;
        return n;
    }

private:
    [[nodiscard]] word& slot(const void* address) noexcept {
        const auto key = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
        for (std::size_t i = static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> 20);; ++i) {
            word& w = table_[i & (table_.size() - 1)];
            if (w.address == address || w.address == nullptr) return w;
        }
    }
    void grow() {
        std::vector<word> before(table_.empty() ? 1024 : table_.size() * 2);
        before.swap(table_);
        for (const word& w : before)
            if (w.address != nullptr) slot(w.address) = w;
    }

    std::vector<word> table_;
    std::size_t used_ = 0;
};

}  // namespace pinfold::check::detail
