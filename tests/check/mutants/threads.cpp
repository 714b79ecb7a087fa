// SPDX-License-Identifier: BSL-1.0
// Mutants of the counting steps and of the lockless walk that only an interleaving shows.
#include "faulty_count.hpp"
#include "table.hpp"

namespace mutants {

namespace laws = check::laws;

/// Zero is looked for by a second load, after the read-modify-write that made it.
struct second_load : correct {
    template <class C>
    static crossing drop(C& c, typename C::value_type u) {
        (void)c.words.drop(u);
        return c.words.load() == 0 ? C::fault::kill(c) : crossing::none;
    }
};
/// Dead heads are killed by adding, which a grab in between survives.
struct kill_by_add : correct {
    template <class C>
    static crossing kill(C& c) {
        c.words.adjust(C::traits::dead_value);
        return crossing::zero;
    }
};
/// The undo of a refused grab is a plain subtraction.
struct plain_undo : correct {
    template <class C>
    static crossing undo(C& c, typename C::value_type u) {
        c.words.adjust_sub(u);
        return crossing::none;
    }
};
/// The allocator stores the count, over grabs in flight.
struct storing_allocator : correct {
    template <class C>
    static void revive(C& c, typename C::value_type v) {
        c.words.publish(v);
    }
};
/// Dead is 0, and a grab that met 0 or less is undone: the next one meets more.
struct optimistic_zero : correct {
    template <class C>
    static outcome raise(C& c, typename C::value_type u) {
        if (c.words.fetch_grab(u) > 0) return {};
        c.words.adjust_sub(u);
        return {errc::dead, crossing::none};
    }
};
/// Looked at and added in two steps.
struct look_then_add : correct {
    template <class C>
    static outcome raise(C& c, typename C::value_type u) {
        if (c.words.load() <= 0) return {errc::dead, crossing::none};
        c.words.adjust(u);
        return {};
    }
};
/// Frozen by a look and a store.
struct look_then_freeze : correct {
    template <class C>
    static bool freeze(C& c, typename C::value_type expected) {
        if (c.words.load() != expected) return false;
        c.words.store(C::traits::dead_value);
        return true;
    }
};
/// The refused grab is undone by storing what was there before.
struct restoring_undo : correct {
    template <class C>
    static crossing undo(C& c, typename C::value_type u) {
        c.words.store(pinfold::detail::wrap_sub(c.words.load(), u));
        return crossing::none;
    }
};
/// A pin in two steps: a reference first, then the rest. Whoever looks in between sees no pin; the walk's fence comes
/// after both, so this is right, and the kit must not reject it (see the control).
struct two_step_pin : correct {
    template <class C>
    static outcome try_pin(C& c, std::uint64_t n) {
        const outcome got = C::fault::raise(c, 1);
        if (got) c.words.adjust(static_cast<typename C::value_type>(n * C::traits::pin_unit - 1));
        return got;
    }
};
template <template <class> class Walk>
struct with_walk : check::library {
    template <class C>
    using walk = Walk<C>;
};
/// The entry is read again without a fence after the pin.
template <class C>
struct no_fence {
    template <class Entry>
    static bool take(C& c, Entry& entry, bool fails, bool large) {
        const auto seen = entry.load_acquire();
        if (seen == 0 || !c.try_pin(1, large)) return false;
        if (entry.load() == seen && !fails) return true;
        (void)c.unpin(1, large);
        return false;
    }
};
/// The entry is not read again.
template <class C>
struct no_second_look {
    template <class Entry>
    static bool take(C& c, Entry& entry, bool fails, bool large) {
        if (entry.load_acquire() == 0 || !c.try_pin(1, large)) return false;
        C::fence();
        if (!fails) return true;
        (void)c.unpin(1, large);
        return false;
    }
};
/// A step that fails after the pin forgets to give it back.
template <class C>
struct no_rollback {
    template <class Entry>
    static bool take(C& c, Entry& entry, bool fails, bool large) {
        if (fails) return c.try_pin(1, large) && false;
        return check::walk<C>::take(c, entry, false, large);
    }
};
/// DEF-01: what was pinned is given back as a reference when the entry changed.
template <class C>
struct put_for_unpin {
    template <class Entry>
    static bool take(C& c, Entry& entry, bool fails, bool large) {
        const auto seen = entry.load_acquire();
        if (seen == 0 || !c.try_pin(1, large)) return false;
        C::fence();
        if (entry.load() == seen && !fails) return true;
        (void)c.put(1);
        return false;
    }
};

}  // namespace mutants

using namespace mutants;

TEST_CASE("mutants of counting are rejected by an interleaving") {
    constexpr unsigned part = check::threads;
    rejected<linux_like, with_count<second_load>, part>("zero tested by a second load", laws::no_use_after_free);
    rejected<sticky, with_count<kill_by_add>, part>("kill by add(DEAD)", laws::no_use_after_free);
    rejected<sticky, with_count<plain_undo>, part>("undo by plain subtract", laws::no_lost_unit);
    rejected<sticky, with_count<storing_allocator>, part>("allocator stores the count", laws::no_lost_unit);
    rejected<linux_like, with_count<optimistic_zero>, part>("optimistic add, dead = 0", laws::no_use_after_free);
    rejected<linux_like, with_count<look_then_add>, part>("look, then add", laws::no_use_after_free);
    rejected<sticky, with_count<look_then_freeze>, part>("look, then freeze", laws::frozen_alone);
    rejected<sticky, with_count<restoring_undo>, part>("undo by storing", laws::full_in_flight);
}

TEST_CASE("a pin in two steps before the fence is no fault") {
    const auto r = check::check_policy<linux_like, with_count<two_step_pin>, check::threads>("a pin in two steps");
    INFO(r.text());
    CHECK(!r.broke(laws::walker_or_unmapper.name));
    CHECK(!r.broke(laws::no_use_after_free.name));
}

TEST_CASE("mutants of the lockless walk are rejected by an interleaving") {
    constexpr unsigned part = check::threads;
    rejected<sticky, with_walk<no_fence>, part>("no fence before the second look", laws::walker_or_unmapper);
    rejected<sticky, with_walk<no_second_look>, part>("no second look", laws::walker_or_unmapper);
    rejected<sticky, with_walk<no_rollback>, part>("fallible step after the pin, no rollback", laws::walk_rolls_back);
    rejected<sticky, with_walk<put_for_unpin>, part>("DEF-01 undone with the wrong unit", laws::walk_rolls_back);
}
