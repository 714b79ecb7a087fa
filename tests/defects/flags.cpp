// SPDX-License-Identifier: BSL-1.0
// every combination of the flags the fast entries take, alone and with each flag they do not take, on a page
// that is there and on one that is not, against the rules written down a second time.
#include "as_posted.hpp"

using namespace mmt;

namespace {

/// What the fast entry of either version may be asked for; k = 9, 512 sets.
constexpr unsigned taken[] = {foll::write, foll::longterm, foll::force,       foll::pin,             foll::get,
                              foll::fast_only, foll::nofault, foll::pci_p2pdma, foll::honor_numa_fault};
/// Everything else, one at a time.
constexpr unsigned never_taken[] = {0,
                                    foll::dump,     foll::nowait,       foll::hwpoison,   foll::anon,
                                    foll::split_pmd, foll::interruptible, foll::touch,    foll::tried,
                                    foll::remote,   foll::unlockable,   foll::madv_populate, foll::split,
                                    foll::migration, foll::populate,    foll::mlock,      foll::cow};

enum class entry : unsigned char { get, pin, pin_longterm, get_only };

struct expected {
    long result;
    bool warns;
    bool pinned;
};

/// spec 05 §7, foll_pin_2019: GET is implied and may not be said, PIN is added by the function and overrides it.
expected rules_2019(entry e, unsigned flags) {
    const bool says_other = e == entry::get ? (flags & foll::pin) != 0 : (flags & foll::get) != 0;
    const unsigned all = flags | (e == entry::get ? 0 : foll::pin);
    if (says_other || (all & ~(foll::write | foll::longterm | foll::pin)) != 0) return {-err::einval, true, false};
    return {1, false, e != entry::get};
}

/// spec 05 §7 and spec 06 §1, linux_6_12.
expected rules_6_12(entry e, unsigned flags, bool present) {
    constexpr unsigned internal = foll::touch | foll::tried | foll::remote | foll::pin | foll::fast_only |
                                  foll::unlockable | foll::madv_populate;
    constexpr expected invalid{-err::einval, true, false};
    if ((flags & internal) != 0) return invalid;
    flags |= e == entry::pin ? foll::pin : e == entry::get ? foll::get : foll::get | foll::fast_only;
    const auto has = [&](unsigned f) { return (flags & f) != 0; };
    if (has(foll::get) && has(foll::pin)) return invalid;
    if (has(foll::longterm) && (!has(foll::pin) || has(foll::pci_p2pdma))) return invalid;
    if ((flags & ~(foll::write | foll::longterm | foll::force | foll::pin | foll::get | foll::fast_only | foll::nofault |
                   foll::pci_p2pdma | foll::honor_numa_fault)) != 0)
        return invalid;
    if (!present && has(foll::fast_only)) return {0, false, false};
    if (!present && has(foll::nofault)) return {-err::efault, false, false};
    const bool zero_page = !present && !has(foll::write) && !has(foll::longterm);  // exempt; long-term gets a page of its own
    return {1, false, has(foll::pin) && !zero_page};
}

template <class P>
long call(world<P>& w, entry e, vaddr a, unsigned flags, std::span<frame<P>*> pages) {
    switch (e) {
        case entry::get: return w.t.get_user_pages_fast(a, 1, flags, pages);
        case entry::pin: return w.t.pin_user_pages_fast(a, 1, flags, pages);
        case entry::get_only: return w.t.get_user_pages_fast_only(a, 1, flags, pages);
        case entry::pin_longterm:
            if constexpr (is_2019<P>) return w.t.pin_longterm_pages_fast(a, 1, flags, pages);
    }
    return 0;
}

/// Returns: calls whose answer, warning or count differ.
template <class P>
int differing(entry e, int& calls) {
    world<P> w;
    const vaddr a = w.map(mm::page_size);
    int wrong = 0;
    std::vector<frame<P>*> pages(1);
    for (const bool present : {true, false})
        for (unsigned set = 0; set < 1U << std::size(taken); ++set)
            for (const unsigned other : never_taken) {
                unsigned flags = other;
                for (unsigned k = 0; k < std::size(taken); ++k)
                    if ((set >> k & 1) != 0) flags |= taken[k];
                if (present) (void)w.t.touch(a, true);
                else (void)w.t.madvise(a, mm::page_size, mm::advice::dontneed);
                w.box.warn().reset();
                const auto before = w.box.counters();
                pages[0] = nullptr;
                const long got = call(w, e, a, flags, std::span(pages));
                const expected want = is_2019<P> ? rules_2019(e, flags) : rules_6_12(e, flags, present);
                const auto counted = (w.box.counters() - before).live();
                ++calls;
                if (got != want.result || (w.box.warn().total() == 1) != want.warns || w.box.warn().total() > 1 ||
                    counted != (want.pinned ? 1 : 0) || (pages[0] != nullptr) != (want.result == 1)) {
                    if (++wrong < 5)
                        FAIL_CHECK("entry " << static_cast<int>(e) << " flags " << std::hex << flags << std::dec
                                           << (present ? " present" : " absent") << ": " << got << " instead of "
                                           << want.result << ", WARNs " << w.box.warn().total() << ", pins " << counted);
                }
                if (got == 1) mm::ungrab(w.box.phys(), pages[0], 1, e == entry::get || e == entry::get_only ? foll::get : foll::pin);
            }
    w.audit();
    CHECK(w.box.counters().live() == 0);
    return wrong;
}

}  // namespace

BOTH_PROFILES("R-10: every set of flags at the fast entries: granted and counted, or refused with one WARN", "[flags]") {
    int calls = 0;
    CHECK(differing<TestType>(entry::get, calls) == 0);
    CHECK(differing<TestType>(entry::pin, calls) == 0);
    if constexpr (is_2019<TestType>) CHECK(differing<TestType>(entry::pin_longterm, calls) == 0);
    else CHECK(differing<TestType>(entry::get_only, calls) == 0);
    CHECK(calls == 3 * 2 * 512 * 17);
}

TEST_CASE("R-10: the 2019 fast-only call takes whether to write, and never answers an error", "[flags]") {
    world<checked_2019> w;
    const vaddr a = written(w);
    std::vector<frame<checked_2019>*> pages(1);
    for (const unsigned flags : {0U, foll::write}) {
        REQUIRE(w.t.get_user_pages_fast_only(a, 1, flags, pages) == 1);
        CHECK(w.refs(a) == 2);
        w.t.put_page(pages[0]);
    }
    CHECK(w.t.get_user_pages_fast_only(~vaddr{0} << 12, 1, 0, pages) == 0);
    CHECK(w.t.get_user_pages_fast_only(a + mm::page_size, 1, 0, pages) == 0);
    CHECK(w.t.get_user_pages_fast_only(a, -1, 0, pages) == 0);
    CHECK(w.box.warn().total() == 0);
    w.audit();
}
