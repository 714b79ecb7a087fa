// SPDX-License-Identifier: BSL-1.0
// Mutants of the page operations: the count is the library's, and it is used on the wrong page, at the wrong time, or
// with the wrong amount.
#include "table.hpp"

namespace mutants {

namespace laws = check::laws;

struct question {
    template <class Page>
    bool operator()(const Page&) const noexcept {
        return false;
    }
};
struct hybrid : sticky {
    using pins = pinfold::hybrid_pins<question{}>;
};

template <class Page>
using right = pinfold::page_ops<Page>;
template <template <class> class Ops>
struct with_ops : check::library {
    template <class Page>
    using ops = Ops<Page>;
};
template <template <class> class Runs>
struct with_runs : check::library {
    template <class Ops>
    using run_of_pages = Runs<Ops>;
};

/// Held on the head, released on the page that was named.
template <class Page>
struct release_on_tail : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept { right<Page>::template drop_head<typename right<Page>::pinning>(p, n); }
};
/// DEF-02: the page that was named is taken for its head.
template <class Page>
struct tail_for_head : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        return right<Page>::template try_grab_head<typename right<Page>::pinning>(p, n);
    }
};
/// A rule whose answer never changes is taken for one by which every page is its own head.
template <class Page>
struct stable_for_self : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        if constexpr (right<Page>::policy::head::stable) return right<Page>::template try_grab_head<typename right<Page>::pinning>(p, n);
        else return right<Page>::try_pin(p, n);
    }
};
/// DEF-14: the head is not looked at again after the grab.
template <class Page>
struct no_head_check : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        using hold = typename right<Page>::pinning;
        Page* const h = right<Page>::head(p);
        const auto got = right<Page>::template try_grab_head<hold>(h, n);
        if (got) right<Page>::template record<hold>(h, n);
        return got;
    }
};
/// A changed head is noticed, and the wrong one of the two given back.
template <class Page>
struct undo_on_new_head : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        using hold = typename right<Page>::pinning;
        Page* const h = right<Page>::head(p);
        auto got = right<Page>::template try_grab_head<hold>(h, n);
        if (!got) return got;
        if (Page* const now = right<Page>::head(p); now != h) {
            right<Page>::template undo_grab_head<hold>(now, n);
            return {pinfold::errc::moved, pinfold::crossing::none};
        }
        right<Page>::template record<hold>(h, n);
        return got;
    }
};
/// DEF-11: the release is counted after the page may have been freed.
template <class Page>
struct statistic_after_free : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept {
        if (right<Page>::pinning::is_exempt(*p)) return;
        Page* const h = right<Page>::head(p);
        right<Page>::template undo_grab_head<typename right<Page>::pinning>(h, n);
        right<Page>::policy::statistics::released(*h, n);
    }
};
/// DEF-22: attempts are counted, not pins.
template <class Page>
struct attempts_counted : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        const auto got = right<Page>::try_pin(p, n);
        if (!got) right<Page>::policy::statistics::acquired(*right<Page>::head(p), n);
        return got;
    }
};
/// DEF-M1: a pin added under evidence is not counted as acquired, and its release is counted.
template <class Page>
struct added_pin_not_counted : right<Page> {
    static void pin(pinfold::held, Page* p, std::uint64_t n = 1) noexcept {
        Page* const h = right<Page>::head(p);
        right<Page>::pinning::grab(right<Page>::count_of(h), *h, n);
    }
};
/// DEF-20: the exempt page is counted on the way up and exempt on the way down.
template <class Page>
struct half_exempt : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        return right<Page>::template try_grab_head<typename right<Page>::pinning>(right<Page>::head(p), n);
    }
};
/// DEF-10: a pin that is a plain reference.
template <class Page>
struct pin_is_a_reference : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept { return right<Page>::try_get(p, n); }
};
/// A batch that lands on the baseline calls the idle hook once itself, after the release has.
template <class Page>
struct hook_twice : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept {
        right<Page>::unpin(p, n);
        if (n > 1 && right<Page>::count_of(right<Page>::head(p)).raw() == 1) Page::idle(p);
    }
};
/// The hook looks at the count before the release instead of at what the release made of it.
template <class Page>
struct hook_too_early : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept {
        Page::idle(p);
        right<Page>::unpin(p, n);
    }
};

/// A page of a hybrid scheme is given back as if all were small.
template <class Page>
struct all_are_small : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept {
        auto& c = right<Page>::count_of(right<Page>::head(p));
        (void)c.unpin(n, false);
    }
};
/// The size is asked before the grab, and not again when the head is held.
template <class Page>
struct size_asked_once : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        if constexpr (!right<Page>::policy::head::stable) return size_asked_once::ask(p, n);
        else return right<Page>::try_pin(p, n);
    }
    static pinfold::outcome ask(Page* p, std::uint64_t n) noexcept {
        Page* const h = right<Page>::head(p);
        const auto got = right<Page>::count_of(h).try_pin(n, right<Page>::pinning::template large<typename right<Page>::count_type>(*h));
        if (!got) return got;
        if (right<Page>::head(p) != h) {
            right<Page>::template undo_grab_head<typename right<Page>::pinning>(h, n);
            return ask(p, n);
        }
        right<Page>::template record<typename right<Page>::pinning>(h, n);
        return got;
    }
};

template <class Page>
inline constexpr bool has_kinds = requires { typename Page::pinfold_policy::release::device; };

/// Every page is released as an ordinary one.
template <class Page>
struct kind_not_asked : right<Page> {
    static void unpin(Page* p, std::uint64_t n = 1) noexcept {
        using hold = typename right<Page>::pinning;
        if constexpr (has_kinds<Page>) {
            hold::released(*p, n);
            auto& c = right<Page>::count_of(p);
            pinfold::detail::dropper<typename right<Page>::policy::release::ordinary>::drop(p, c, c.pin_units(n));
        } else {
            right<Page>::unpin(p, n);
        }
    }
};
/// The kind is asked when the count is lowered and the page may be gone.
template <class Page>
struct kind_asked_late : right<Page> {
    static void put(Page* p, std::uint64_t n = 1) noexcept {
        right<Page>::put(p, n);
        if constexpr (has_kinds<Page>) (void)right<Page>::policy::release::is_device(*p);
    }
};
/// The page says it is a device's, and nobody asks whether there is a device.
template <class Page>
struct switch_not_asked : right<Page> {
    static void put(Page* p, std::uint64_t n = 1) noexcept {
        if constexpr (has_kinds<Page>) {
            if (Page::is_device(*p)) {
                auto& c = right<Page>::count_of(p);
                using device = typename right<Page>::policy::release::device;
                return pinfold::detail::dropper<device>::drop(p, c, c.units(n));
            }
        }
        right<Page>::put(p, n);
    }
};
/// Many pins are counted as one.
template <class Page>
struct batch_counted_as_one : right<Page> {
    static pinfold::outcome try_pin(Page* p, std::uint64_t n = 1) noexcept {
        using hold = typename right<Page>::pinning;
        if constexpr (!right<Page>::policy::head::stable) return right<Page>::try_pin(p, n);
        const auto got = right<Page>::template try_grab_head<hold>(right<Page>::head(p), n);
        if (got) right<Page>::template record<hold>(right<Page>::head(p), 1);
        return got;
    }
};

/// DEF-03: one pin for a run of pages.
template <class Ops>
struct one_pin_for_many {
    template <class Page>
    static bool take(Page* first, std::uint64_t n, bool fails) {
        if (!Ops::try_pin(first, 1)) return false;
        if (fails) Ops::unpin(first, 1);
        (void)n;
        return !fails;
    }
};
/// DEF-04: the run is undone on the page it began with, and by references.
template <class Ops>
struct undo_on_tail {
    template <class Page>
    static bool take(Page* first, std::uint64_t n, bool fails) {
        if (!Ops::try_pin(first, n)) return false;
        if (fails) Ops::template undo_grab_head<typename Ops::reference>(first, n);
        return !fails;
    }
};
/// DEF-08: the run is returned without any count.
template <class Ops>
struct uncounted {
    template <class Page>
    static bool take(Page*, std::uint64_t, bool fails) {
        return !fails;
    }
};
/// DEF-13: what a failure gives back, it gives back as references.
template <class Ops>
struct put_on_failure {
    template <class Page>
    static bool take(Page* first, std::uint64_t n, bool fails) {
        if (!Ops::try_pin(first, n)) return false;
        if (fails) Ops::put(first, n);
        return !fails;
    }
};

}  // namespace mutants

using namespace mutants;

TEST_CASE("mutants of the page operations are rejected") {
    constexpr unsigned part = check::pages;
    rejected<sticky, with_ops<release_on_tail>, part>("held on the head, released on the tail", laws::head_counts);
    rejected<sticky, with_ops<tail_for_head>, part>("DEF-02 tail taken for its head", laws::head_counts);
    rejected<sticky, with_ops<stable_for_self>, part>("a stable rule taken for self_head", laws::head_by_rule);
    rejected<sticky, with_ops<pin_is_a_reference>, part>("DEF-10 pin of a page is a reference", laws::head_counts);
    rejected<sticky, with_ops<no_head_check>, part>("DEF-14 head not looked at again", laws::head_changes);
    rejected<sticky, with_ops<undo_on_new_head>, part>("undo on the new head", laws::head_changes);
    rejected<sticky, with_ops<statistic_after_free>, part>("DEF-11 statistic after the free", laws::counted_before_free);
    rejected<sticky, with_ops<attempts_counted>, part>("DEF-22 attempts counted", laws::counted_before_free);
    rejected<sticky, with_ops<added_pin_not_counted>, part>("DEF-M1 added pin not counted", laws::counted_before_free);
    rejected<sticky, with_ops<half_exempt>, part>("DEF-20 exempt on one side only", laws::exemption);
    rejected<sticky, with_ops<hook_twice>, part>("hook run twice for a batch", laws::hook_once);
    rejected<sticky, with_ops<hook_too_early>, part>("hook run while the page is held", laws::hook_once);
}

TEST_CASE("mutants of pages of two sizes are rejected") {
    constexpr unsigned part = check::pages;
    rejected<hybrid, with_ops<all_are_small>, part>("a large page given back as a small one", laws::head_counts);
    rejected<hybrid, with_ops<size_asked_once>, part>("the size not asked again", laws::size_changes);
}

TEST_CASE("mutants of pages of two kinds are rejected") {
    constexpr unsigned part = check::page_policies;
    rejected<sticky, with_ops<kind_not_asked>, part>("a device's page released as an ordinary one", laws::release_by_kind);
    rejected<sticky, with_ops<kind_asked_late>, part>("kind asked after the release", laws::release_by_kind);
    rejected<sticky, with_ops<switch_not_asked>, part>("a device's release while there is no device", laws::release_by_kind);
}

TEST_CASE("mutants of totals are rejected") {
    rejected<sticky, with_ops<batch_counted_as_one>, check::page_policies>("many pins counted as one", laws::totals_agree);
}

TEST_CASE("mutants of runs of pages are rejected") {
    constexpr unsigned part = check::pages;
    rejected<sticky, with_runs<one_pin_for_many>, part>("DEF-03 one pin for many pages", laws::run_of_pages);
    rejected<sticky, with_runs<undo_on_tail>, part>("DEF-04 run undone on a tail, wrong unit", laws::run_of_pages);
    rejected<sticky, with_runs<uncounted>, part>("DEF-08 run not counted", laws::run_of_pages);
    rejected<sticky, with_runs<put_on_failure>, part>("DEF-13 failure gives pins back as references", laws::run_of_pages);
}
