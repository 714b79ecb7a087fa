// SPDX-License-Identifier: BSL-1.0
// Which words of a large program are shared: those that two threads are seen to touch. All others are as good as plain
// memory, and cost the exploration nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "knowledge.hpp"

namespace pinfold::check::detail {

/// By name, for all executions of an exploration: a word that is constructed in an execution is the nth of its thread, one
/// that nobody constructs is its address. Two executions that take the same steps so far call the same words the same,
/// also where one of them left the heap otherwise. Requires: a shared word that nobody constructs is at the same address
/// in each execution. One that is not makes them differ, which ends the exploration with a fault: nothing is claimed then.
class found_words {
public:
    struct word {
        std::uint64_t name = 0;
        std::uint64_t born = 0;          ///< the execution in which what is at this address has the name `born_as`
        std::uint64_t born_as = 0;
        bool shared = false;
        unsigned toucher = main_thread;  ///< the one thread that has touched it, in the execution `touched`
        std::uint64_t touched = 0;
        std::uint64_t located = 0;       ///< the execution in which it is location `where`
        std::uint32_t where = 0;
    };

    void begin_execution() noexcept { births_ = {}; }
    /// Effects: `thread` constructs a word at `address`.
    void born(const void* address, unsigned thread, std::uint64_t execution) {
        word& here = named(number(address));
        here.born = execution;
        here.born_as = std::uint64_t{1} << 63 | std::uint64_t{thread} << 56 | ++births_[thread];  // no address is that high
    }
    /// Returns: what is known of the word; valid until the next call.
    [[nodiscard]] word& at(const void* address, std::uint64_t execution) {
        word& here = named(number(address));
        return here.born == execution ? named(here.born_as) : here;
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
    [[nodiscard]] static std::uint64_t number(const void* address) noexcept {
        return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
    }
    [[nodiscard]] word& named(std::uint64_t name) {
        if (used_ * 2 >= table_.size()) grow();
        word& w = slot(name);
        if (w.name == 0) w.name = name, ++used_;
        return w;
    }
    [[nodiscard]] word& slot(std::uint64_t name) noexcept {
        for (std::size_t i = static_cast<std::size_t>(name * 0x9e3779b97f4a7c15u >> 20);; ++i) {
            word& w = table_[i & (table_.size() - 1)];
            if (w.name == name || w.name == 0) return w;
        }
    }
    void grow() {
        std::vector<word> before(table_.empty() ? 1024 : table_.size() * 2);
        before.swap(table_);
        for (const word& w : before)
            if (w.name != 0) slot(w.name) = w;
    }

    std::vector<word> table_;
    std::size_t used_ = 0;
    std::array<std::uint64_t, max_threads> births_{};
};

}  // namespace pinfold::check::detail
