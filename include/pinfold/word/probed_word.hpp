// SPDX-License-Identifier: BSL-1.0
// The seam for schedulers and model checkers: a word that asks a probe before every access.
// The same library code runs; only the word of the count policy is exchanged.
#pragma once

#include <cstdint>

#include "word.hpp"

namespace pinfold {

/// What a probe is told. `n` is the amount or the value of the operation, 0 for loads and fences.
enum class word_access : unsigned char { load, load_acquire, store, publish, publish_add, adjust, adjust_sub, hold,
                                         grab, drop, swap_if, rmw_fence, full_fence };

/// A count word that forwards to Word after `Probe::before(access, address, n)` returned.
/// Requires: Probe::before(word_access, const void*, std::int64_t) is callable; it may block, switch to another
/// fiber, or run other operations. A whole operation is one step: the probe sees each before it happens.
/// Synchronises: as Word.
template <count_word Word, class Probe>
class probed_word {
public:
    using value_type = typename Word::value_type;

    probed_word() noexcept = default;
    explicit probed_word(value_type v) noexcept : word_(v) {}
    probed_word(const probed_word&) = delete;
    probed_word& operator=(const probed_word&) = delete;

    value_type load() const noexcept { return ask(word_access::load, 0), word_.load(); }
    value_type load_acquire() const noexcept { return ask(word_access::load_acquire, 0), word_.load_acquire(); }
    void store(value_type v) noexcept { ask(word_access::store, v), word_.store(v); }
    void publish(value_type v) noexcept { ask(word_access::publish, v), word_.publish(v); }
    void publish_add(value_type n) noexcept { ask(word_access::publish_add, n), word_.publish_add(n); }
    void adjust(value_type n) noexcept { ask(word_access::adjust, n), word_.adjust(n); }
    void adjust_sub(value_type n) noexcept { ask(word_access::adjust_sub, n), word_.adjust_sub(n); }
    bool hold(value_type n) noexcept { return ask(word_access::hold, n), word_.hold(n); }
    bool grab(value_type n) noexcept { return ask(word_access::grab, n), word_.grab(n); }
    value_type fetch_grab(value_type n) noexcept { return ask(word_access::grab, n), word_.fetch_grab(n); }
    bool drop(value_type n) noexcept { return ask(word_access::drop, n), word_.drop(n); }
    value_type drop_fetch(value_type n) noexcept { return ask(word_access::drop, n), word_.drop_fetch(n); }
    bool swap_if(value_type& expected, value_type desired) noexcept {
        return ask(word_access::swap_if, desired), word_.swap_if(expected, desired);
    }
    bool swap_if_weak(value_type& expected, value_type desired) noexcept {
        return ask(word_access::swap_if, desired), word_.swap_if(expected, desired);
    }

    static void rmw_fence() noexcept { Probe::before(word_access::rmw_fence, nullptr, 0), Word::rmw_fence(); }
    static void full_fence() noexcept { Probe::before(word_access::full_fence, nullptr, 0), Word::full_fence(); }

private:
    void ask(word_access a, value_type n) const noexcept { Probe::before(a, &word_, static_cast<std::int64_t>(n)); }

    Word word_;
};

}  // namespace pinfold
