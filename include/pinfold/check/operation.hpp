// SPDX-License-Identifier: BSL-1.0
// One visible operation of an explored thread, and the ways it may come out.
#pragma once

#include <cstdint>

namespace pinfold::check {

/// Memory orders, as the explorer distinguishes them.
enum class order : unsigned char { relaxed, acquire, release, acq_rel, seq_cst };

[[nodiscard]] constexpr bool acquires(order o) noexcept {
    return o == order::acquire || o == order::acq_rel || o == order::seq_cst;
}
[[nodiscard]] constexpr bool releases(order o) noexcept {
    return o == order::release || o == order::acq_rel || o == order::seq_cst;
}

enum class act : unsigned char {
    load,
    store,
    add,      ///< any read-modify-write that always writes
    change,   ///< sets the bits of `value` and clears those of `expected`; writes nothing if that changes nothing
    swap_if,  ///< compare-exchange
    take,     ///< the same, possible only where the newest value is `expected`: a lock
    fence,
    resume,   ///< after pause(): possible when something newer than what was read exists, and goes on by one such store
    park,     ///< look at the newest value, and sleep if it is `expected`
    woken,    ///< after park slept: possible when somebody woke the location
    wake,
};

/// What a thread is about to do. `value`: stored, added or desired.
struct operation {
    act what = act::load;
    std::uint32_t where = 0;
    order success = order::relaxed;
    order failure = order::relaxed;
    unsigned bits = 64;
    std::int64_t value = 0;
    std::int64_t expected = 0;
    bool weak = false;
    std::uint64_t mask = ~std::uint64_t{0};  ///< the bits it looks at, and may change; others do not matter to it

    /// Whether the order among operations of this kind on one location is part of the outcome.
    [[nodiscard]] constexpr bool contends() const noexcept {
        return what == act::store || what == act::add || what == act::change || what == act::swap_if || what == act::take || what == act::park ||
               what == act::wake;
    }
    [[nodiscard]] constexpr bool has_location() const noexcept { return contends() || what == act::load; }
    [[nodiscard]] constexpr bool is_seq_cst_rmw() const noexcept {
        return (what == act::add || what == act::swap_if) && success == order::seq_cst;
    }
};

/// One way for an operation to come out: which store it reads, and whether a compare-exchange gave up.
/// index: of the store; of resume: which of the changed locations, in the order they were read, it goes on by.
struct outcome_choice {
    std::uint32_t index = 0;
    bool fails = false;
    bool spurious = false;  ///< a weak compare-exchange that failed for no reason
};

/// What an operation did.
struct effect {
    std::int64_t before = 0;
    bool wrote = false;  ///< a new store is in the location's history
    bool swapped = false;
    std::int64_t after = 0;

    [[nodiscard]] constexpr std::uint64_t changed() const noexcept {
        return wrote ? static_cast<std::uint64_t>(before) ^ static_cast<std::uint64_t>(after) : 0;
    }
};

/// Returns: a + n in a signed integer of `bits` bits, wrapped.
[[nodiscard]] constexpr std::int64_t wrapped_sum(std::int64_t a, std::int64_t n, unsigned bits) noexcept {
    const auto sum = static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(n);
    const unsigned spare = 64 - bits;
    return static_cast<std::int64_t>(sum << spare) >> spare;
}

[[nodiscard]] constexpr std::int64_t negated(std::int64_t v) noexcept {
    return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(v));
}

}  // namespace pinfold::check
