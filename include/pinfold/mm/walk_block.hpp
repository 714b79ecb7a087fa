// SPDX-License-Identifier: BSL-1.0
// The ptes of one table, many at a time: blocks of plain pages with one grab each, and runs of one large folio with one
// grab for all. Whatever is not plain, or in doubt afterwards, is left to the one-by-one form, with nothing held of it;
// an entry that changed ends the walk, as there. Source: spec 05 §4 PTE/F, §6.
#pragma once

#include <cstdint>
#include <type_traits>

#include "walk_folios.hpp"
#include "walk_form.hpp"
#include "walk_hold.hpp"
#include "walk_rules.hpp"

namespace pinfold::mm::detail {

/// How far a block came, and what the walk does next.
struct walk_step {
    enum what { go_on, one_by_one, stop } next;
    std::uint64_t served;
};

/// Many entries in one loop: each is read, its page held and looked at, and the entry read again, while what the looks
/// say is gathered and asked for once. Pin: whether units are pins or references.
template <class P, bool Pin>
class pte_blocks {
public:
    using page = frame<P>;
    using ops = typename physical<P>::ops;
    using hold = std::conditional_t<Pin, typename ops::pinning, typename ops::reference>;
    using one = single<P, Pin>;
    using races = typename P::races;
    using steps = typename P::steps;

    /// Where the ptes are: the entry above them, and what it was when the walk came down.
    struct table {
        const entry_slot& above;
        entry seen;
    };

    /// most: pages of one block, at the most; runs of a large folio have no limit.
    explicit pte_blocks(const walk_rules<P>& rules, std::uint64_t most = table_entries) noexcept
        : acquired_(rules.phys_), rules_(rules), plain_(rules.plain_leaf()), most_(most) {}

    /// Effects: serves entries from `slot` on, `left` at most, into pages[0 …).
    /// Synchronises: each grab is sequentially consistent, and fenced before the second look at its entry.
    [[nodiscard]] walk_step take(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        const entry e = slot->read();
        if (plain_.passes(e) && is_odd(phys().at(e.number()))) return runs(slot, t, left, pages);
        return take_plain(slot, t, left, pages);
    }
    /// The same, where a run is left to take().
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step take_plain(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        const entry e = slot->read();
        if (!plain_.passes(e) || is_odd(phys().at(e.number()))) return {walk_step::one_by_one, 0};
        const std::uint64_t n = left < most_ ? left : most_;
        if (!are_in_order(slot, n)) return in_no_order(slot, t, left, pages);
        return block<false>(slot, t, n, pages);
    }

    /// One page after the other: which of a block's n pages stay, of which one may not be what it is taken for, or its entry
    /// has changed. Returns: how many, nothing being held of the others.
    [[gnu::noinline]] walk_step settle(const entry_slot* slot, const table& t, std::uint64_t n, page** pages) const {
        const bool still = steps::table_is_still(t.above, t.seen);
        for (std::uint64_t i = 0; i < n; ++i) {
            page* const p = pages[i];
            const bool odd = is_odd(p), doubt = odd || rules_.grab_is_doubtful(p);
            const entry e = slot[i].read();
            const bool same = still && plain_.passes(e) && phys().at(e.number()) == p;
            if (!doubt && same && rules_.allowed(p) && !rules_.must_unshare(e, p)) continue;
            for (std::uint64_t k = n; k-- > i + 1;) one::drop(pages[k]);
            if (doubt || same) {
                one::drop(p);
                return {odd && i != 0 ? walk_step::go_on : walk_step::one_by_one, i};
            }
            ops::template record<hold>(p, 1);  // a grab that stood, and is taken back because the entry changed
            phys().note(p, one::kind, 1);
            ungrab(phys(), p, 1, rules_.flags_);
            return {walk_step::stop, i};
        }
        return {walk_step::go_on, n};
    }

    /// Folios one behind the other, as far as they fit into one block.
    [[nodiscard, gnu::noinline]] walk_step runs(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        const std::uint64_t room = left < most_ ? left : most_;
        walk_step s{walk_step::go_on, 0};
        do {
            s.served += whole_folios(slot + s.served, t, left - s.served, pages + s.served);
            if (s.served >= room) break;
            const walk_step more = run(slot + s.served, t, left - s.served, pages + s.served);
            s = {more.next, s.served + more.served};
        } while (s.next == walk_step::go_on && s.served < room);
        return s;
    }

private:
    static constexpr unsigned careful = 8;

    [[nodiscard]] physical<P>& phys() const noexcept { return rules_.phys_; }

    /// Lines of pages in no order are asked for a little ahead; those of pages in a row the processor foresees by itself.
    [[nodiscard, gnu::noinline]] walk_step in_no_order(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        const auto least = [](std::uint64_t a, std::uint64_t b) { return a < b ? a : b; };
        if (asked_ <= slot || asked_ > slot + left)  // a new table
            for (std::uint64_t i = 0; i < least(left, ahead_of_row); ++i) ask_for_page(phys().map.finder(), slot[i]);
        asked_ = slot + left;
        if (left <= ahead_of_row) return block<false>(slot, t, least(left, most_), pages);
        const std::uint64_t n = least(left - ahead_of_row, most_);
        asked_ = slot + n + ahead_of_row;
        return block<true>(slot, t, n, pages);
    }
    /// n: 1 or more. A frame that is no plain page is found after the grab: what one adds to a tail is refused, and what
    /// one adds to another head is given back as it was added.
    template <bool Ask>
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step block(entry_slot* slot, const table& t, std::uint64_t n, page** pages) {
        held_row<P> r;
        hold_row<P, Pin, Ask>(slot, n, pages, plain_, phys(), r);
        if (r.held == 0) [[unlikely]]
            return {walk_step::one_by_one, 0};
        walk_step s{walk_step::go_on, r.held};
        const kinds<P> of = r.seen.flags();
        const bool unshare = r.one_is_not_writable() && rules_.asks_unshare({});
        if (!r.same || !steps::table_is_still(t.above, t.seen) || of.odd() ||
            (P::fast_asks_folio && (r.seen.all_owners() & 1) == 0) || rules_.asks_each() || unshare) [[unlikely]]
            s = settle(slot, t, r.held, pages);
        if (s.served != r.held) [[unlikely]]
            most_ = careful;  // where pages of many kinds alternate, what is held in vain stays little
        races::at(race_point::entry_checked);
        record(pages, s.served, of);
        races::at(race_point::between_entries);
        return s;
    }

    PINFOLD_DETAIL_HOT void record(page** pages, std::uint64_t n, kinds<P> of) {
        if (of.of_one_node()) [[likely]]
            acquired_.add(of.any, n);
        else
            for (std::uint64_t i = 0; i < n; ++i) acquired_.add(pages[i]->flags.load(), 1);
        if constexpr (P::ledger::enabled)
            for (std::uint64_t i = 0; i < n; ++i) phys().note(pages[i], one::kind, 1);
        if ((of.all & page::bit(pg::referenced)) == 0) [[unlikely]]
            for (std::uint64_t i = 0; i < n; ++i)
                if (!pages[i]->is(pg::referenced)) pages[i]->set(pg::referenced);
    }

    /// Effects: serves folios that are mapped whole and next to each other, where nobody sees the order of what is done.
    /// Returns: pages.
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t whole_folios(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
#if defined(__x86_64__)
        if constexpr (P::walk::wide && std::is_same_v<races, no_races>)
            if (left >= worth_four && !rules_.asks_each() && has_four_words())
                return hold_folios_by_four<P, Pin>(slot, left, pages, plain_entry<P, Pin>(rules_.flags_), phys(), acquired_,
                                                   [&t] { return steps::table_is_still(t.above, t.seen); });
#endif
        (void)slot, (void)t, (void)left, (void)pages;
        return 0;
    }

    /// Entries that map pages of one large folio in a row: one grab of n units on the head.
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step run(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        constexpr walk_step not_this_way{walk_step::one_by_one, 0};
        const entry e = slot->read();
        if (!plain_.passes(e)) return not_this_way;
        page* const p = phys().at(e.number());
        page* const head = ops::head(p);
        const folio_kind<P> kind{head->flags.load()};
        if (!kind.is_large()) return not_this_way;
        const std::uint64_t before = phys().number(p) - phys().number(head), size = kind.pages();
        if (before >= size || !kind.has_room(*head)) return not_this_way;
        if (is_asked_each(e, head)) return not_this_way;
        const std::uint64_t room = size - before;
        const std::uint64_t n = entries_in_row_into<P::walk::wide>(slot, e, room < left ? room : left, pages, p);
        if (n == 0) return not_this_way;
        races::at(race_point::entry_read);
        races::at(race_point::head_resolved);
        const bool exact = counts_pins_exactly(*head, kind.flags);
        if (!one::grab(head, n, exact)) [[unlikely]]
            return not_this_way;
        ops::count_type::fence();
        races::at(race_point::added);
        const folio_kind<P> now{head->flags.load()};
        if (ops::head(p) != head || !now.is_still(kind) || counts_pins_exactly(*head, now.flags) != exact) [[unlikely]] {
            one::drop(head, n, exact);
            return not_this_way;
        }
        races::at(race_point::head_checked);
        const std::uint64_t same = entries_in_row<P::walk::wide>(slot, e, n);
        const bool still = steps::table_is_still(t.above, t.seen);
        if ((rules_.asks_each() || rules_.asks_unshare(e)) && still && same != 0 &&
            (!rules_.allowed(head) || rules_.grab_is_doubtful(head) || is_asked_each(e, head))) [[unlikely]] {
            one::drop(head, n, exact);
            return not_this_way;
        }
        const std::uint64_t kept = still ? same : 0;
        const std::uint64_t held = kept == n ? n : kept + 1;  // one that stood, and is taken back because its entry changed
        if (n != held) one::drop(head, n - held, exact);
        acquired_.add(now.flags, held);
        phys().note(head, one::kind, static_cast<std::int64_t>(held));
        if (held != kept) [[unlikely]] {
            acquired_.flush();
            ungrab(phys(), head, 1, rules_.flags_);
        }
        races::at(race_point::entry_checked);
        if (kept != 0 && (now.flags & page::bit(pg::referenced)) == 0) [[unlikely]]
            head->set(pg::referenced);
        races::at(race_point::between_entries);
        return {kept == n ? walk_step::go_on : walk_step::stop, kept};
    }
    /// Whether gup_must_unshare is to be asked of each page: which ones are exclusive, or no by what they all are. Asked
    /// again when the folio is held, for before it may be another one.
    [[nodiscard]] bool is_asked_each(entry e, const page* head) const noexcept {
        return rules_.asks_unshare(e) && (head->is_anon() || rules_.wants(foll::longterm));
    }

    pin_tally<P, Pin> acquired_;
    const entry_slot* asked_ = nullptr;  ///< up to where lines were asked for
    const walk_rules<P>& rules_;
    const entry_test plain_;
    std::uint64_t most_;
};

}  // namespace pinfold::mm::detail
