// SPDX-License-Identifier: BSL-1.0
// A count written anew and plainly, each step of which a mutant may get wrong. Without a fault it keeps every law, so
// what the kit rejects is the fault.
#pragma once

#include <pinfold/check.hpp>

namespace mutants {

using pinfold::crossing;
using pinfold::errc;
using pinfold::outcome;

/// Every step as it should be. A mutant derives from it and replaces one; `C::fault` is the mutant.
struct correct {
    template <class C>
    static constexpr std::uint64_t unit() {
        return C::traits::pin_unit;
    }
    template <class C, class V>
    static bool is_refused(V v) {
        return v < 0;
    }
    template <class C>
    static bool batch_is_too_large(std::uint64_t n, std::uint64_t unit) {
        return n > C::traits::batch_max(unit);
    }
    /// Returns: why u units were refused.
    template <class C>
    static outcome raise(C& c, typename C::value_type u) {
        if constexpr (C::traits::optimistic) {
            const auto before = c.words.fetch_grab(u);
            if (!C::fault::template is_refused<C>(pinfold::detail::wrap_add(before, u))) return {};
            const crossing undone = C::fault::undo(c, u);
            const bool dead = C::traits::in_dead_band(before);
            if (!dead) C::policy::warnings::negative(0, before, 0);
            return {dead ? errc::dead : errc::overflow, undone};
        } else {
            auto seen = c.words.load();
            do {
                if (seen == 0) return {errc::dead, crossing::none};
                if (C::fault::template is_refused<C>(seen)) {
                    C::policy::warnings::negative(0, seen, 0);
                    return {errc::overflow, crossing::none};
                }
            } while (!c.words.swap_if(seen, pinfold::detail::wrap_add(seen, u)));
            return {};
        }
    }
    template <class C>
    static crossing undo(C& c, typename C::value_type u) {
        return C::fault::drop(c, u);
    }
    template <class C>
    static crossing drop(C& c, typename C::value_type u) {
        return c.words.drop(u) ? C::fault::kill(c) : crossing::none;
    }
    template <class C>
    static crossing kill(C& c) {
        if constexpr (!C::traits::optimistic) return crossing::zero;
        typename C::value_type zero = 0;
        return c.words.swap_if(zero, C::traits::dead_value) ? crossing::zero : crossing::none;
    }
    template <class C>
    static void revive(C& c, typename C::value_type v) {
        if constexpr (C::traits::optimistic)
            c.words.publish_add(pinfold::detail::wrap_sub(v, C::traits::dead_value));
        else
            c.words.publish(v);
    }
    template <class C>
    static bool freeze(C& c, typename C::value_type expected) {
        return c.words.swap_if(expected, C::traits::dead_value);
    }
    template <class C>
    static outcome try_pin(C& c, std::uint64_t n) {
        return C::fault::raise(c, static_cast<typename C::value_type>(n * C::fault::template unit<C>()));
    }
    template <class C>
    static void pin(C& c, std::uint64_t n) {
        c.words.adjust(static_cast<typename C::value_type>(n * C::fault::template unit<C>()));
    }
    template <class C>
    static crossing unpin(C& c, std::uint64_t n) {
        return C::fault::drop(c, static_cast<typename C::value_type>(n * C::fault::template unit<C>()));
    }
    template <class C, class V>
    static pinfold::pinned pinned(V raw) {
        return pinfold::detail::overlay_pinned<typename C::traits>(raw);
    }
};

/// References and overlay pins under policy Q, with Fault.
template <class Q, class Fault>
class faulty_count {
public:
    using policy = Q;
    using fault = Fault;
    using traits = pinfold::count_traits<Q>;
    using word = typename Q::word;
    using value_type = typename traits::value_type;

    faulty_count() noexcept : words(traits::dead_value) {}

    void init(std::uint64_t n = 1) noexcept { Fault::revive(*this, static_cast<value_type>(n)); }
    outcome try_get(std::uint64_t n = 1) noexcept {
        if (Fault::template batch_is_too_large<faulty_count>(n, 1)) return too_many();
        return Fault::raise(*this, static_cast<value_type>(n));
    }
    outcome try_get_held(std::uint64_t n = 1) noexcept { return get(n), outcome{}; }
    void get(std::uint64_t n = 1) noexcept { words.adjust(static_cast<value_type>(n)); }
    crossing put(std::uint64_t n = 1) noexcept { return Fault::drop(*this, static_cast<value_type>(n)); }

    outcome try_pin(std::uint64_t n = 1, bool = false) noexcept {
        if (Fault::template batch_is_too_large<faulty_count>(n, traits::pin_unit)) return too_many();
        return Fault::try_pin(*this, n);
    }
    outcome try_pin_held(std::uint64_t n = 1, bool = false) noexcept { return pin(n), outcome{}; }
    void pin(std::uint64_t n = 1, bool = false) noexcept { Fault::pin(*this, n); }
    crossing unpin(std::uint64_t n = 1, bool = false) noexcept { return Fault::unpin(*this, n); }
    pinfold::pinned maybe_pinned(bool = false) const noexcept { return Fault::template pinned<faulty_count>(words.load()); }

    bool freeze(value_type expected) noexcept { return Fault::freeze(*this, expected); }
    void unfreeze(value_type v) noexcept { Fault::revive(*this, v); }
    value_type raw() const noexcept { return words.load(); }
    std::int64_t refs() const noexcept { return is_dead() ? 0 : raw(); }
    bool is_dead() const noexcept { return traits::in_dead_band(words.load()); }
    void set_raw(value_type v) noexcept { words.store(v); }
    static void fence() noexcept { word::rmw_fence(); }

    word words;

private:
    static outcome too_many() noexcept {
        policy::warnings::batch(0, 0, 0);
        return {errc::batch_limit, crossing::none};
    }
};

/// The kit's subject: the library, with the count of a mutant.
template <class Fault>
struct with_count : pinfold::check::library {
    template <class Q>
    using count = faulty_count<Q, Fault>;
};

}  // namespace mutants
