// SPDX-License-Identifier: BSL-1.0
// The ptes of one table, many at a time: blocks of plain pages with one grab each, and runs of one large folio with one
// grab for all. Whatever is not plain, or in doubt afterwards, is left to the one-by-one form, with nothing held of it;
// an entry that changed ends the walk, as there. Source: spec 05 §4 PTE/F, §6.
#pragma once

#include <cstdint>
#include <type_traits>

#include "walk_form.hpp"
#include "walk_looks.hpp"
#include "walk_row.hpp"
#include "walk_rules.hpp"

namespace pinfold::mm::detail {

/// How far a block came, and what the walk does next.
struct walk_step {
    enum what { go_on, one_by_one, stop } next;
    std::uint64_t served;
};

/// Pin: whether units are pins or references.
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

    explicit pte_blocks(const walk_rules<P>& rules) noexcept : rules_(rules), plain_(rules.plain_leaf()) {}
    pte_blocks(const pte_blocks&) = delete;
    pte_blocks& operator=(const pte_blocks&) = delete;
    ~pte_blocks() { flush(); }

    /// Effects: serves entries from `slot` on, `left` at most, into pages[0 …).
    /// Synchronises: each grab is sequentially consistent, and fenced before the second look at its entry.
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step take(entry_slot* slot, const table& t, std::uint64_t left, page** pages) {
        const entry e = slot->read();
        if (!plain_.passes(e)) return {walk_step::one_by_one, 0};
        page* const p = phys().at(e.number());
        if (is_odd(p)) return run(slot, t, e, left, pages);
        if (left >= width) return block(slot, t, fixed<width>{}, pages);
        return block(slot, t, counted{static_cast<unsigned>(left)}, pages);
    }

    // Lines of pages in no order are asked for a little ahead; those of pages in a row the processor foresees by itself.
    /// Requires: `slot` is the first of `left` entries of the table. Effects: asks for the first pages.
    PINFOLD_DETAIL_HOT void prefetch_first(const entry_slot* slot, std::uint64_t left) const noexcept {
        if (left < 2 * width || slot[width - 1].read().number() - slot->read().number() == width - 1) return;
        prefetch(slot, left < ahead ? static_cast<unsigned>(left) : ahead);
    }
    /// Requires: `last` are the pages of the block before `slot`. Effects: asks for a block's worth further on.
    PINFOLD_DETAIL_HOT void prefetch_next(const entry_slot* slot, std::uint64_t left, page* const* last) const noexcept {
        if (left >= ahead + width && last[width - 1] != last[0] + (width - 1)) prefetch(slot + ahead, width);
    }

    static constexpr unsigned width = 8;

private:
    static constexpr unsigned ahead = 40;

    [[nodiscard]] physical<P>& phys() const noexcept { return rules_.phys_; }
    PINFOLD_DETAIL_HOT void prefetch(const entry_slot* slot, unsigned n) const noexcept {
        for (unsigned i = 0; i < n; ++i)
            if (const entry e = slot[i].read(); plain_.passes(e)) __builtin_prefetch(phys().at(e.number()), 1);
    }

    /// N: fixed or counted, 1 … width. A frame that is no plain page is found after the grab: what one adds to a tail is
    /// refused, and what one adds to another head is given back as it was added.
    template <class N>
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step block(entry_slot* slot, const table& t, N n, page** pages) {
        std::uint64_t e[width];
        std::uint64_t any = 0, all = ~std::uint64_t{0};
        n.each([&](unsigned i) __attribute__((always_inline)) {
            e[i] = slot[i].read().raw;
            any |= e[i];
            all &= e[i];
            pages[i] = phys().at(entry{e[i]}.number());
        });
        if (!plain_.passes({any}) || !plain_.passes({all})) [[unlikely]]
            return shorter_block(slot, t, n.size, pages);
        races::at(race_point::entry_read);
        races::at(race_point::head_resolved);
        const unsigned held = n.while_true([&](unsigned i) __attribute__((always_inline)) { return one::grab(pages[i]); });
        ops::count_type::fence();
        races::at(race_point::added);
        if (held == n.size) [[likely]]
            return look_again(slot, t, e, n, pages);
        if (held == 0) return {walk_step::one_by_one, 0};
        return look_again(slot, t, e, counted{held}, pages);
    }

    /// Effects: keeps the first pages of a block that are all right, records them, and gives the others back.
    template <class N>
    [[nodiscard]] PINFOLD_DETAIL_HOT walk_step look_again(entry_slot* slot, const table& t, const std::uint64_t* e, N n,
                                                          page** pages) {
        looks<P> heads;
        std::int64_t owners = 1;
        n.each([&](unsigned i) __attribute__((always_inline)) {
            heads.add(pages[i]);
            if constexpr (P::fast_asks_folio) owners &= pages[i]->mapping.load();
        });
        races::at(race_point::head_checked);
        std::uint64_t changed = 0, all = ~std::uint64_t{0};
        n.each([&](unsigned i) __attribute__((always_inline)) {
            changed |= slot[i].read().raw ^ e[i];
            all &= e[i];
        });
        walk_step s{walk_step::go_on, n.size};
        if (changed != 0 || !steps::table_is_still(t.above, t.seen) || heads.odd() || owners == 0 || asks_each_ ||
            rules_.asks_unshare({all})) [[unlikely]]
            s = settle(slot, t, e, n.size, pages);
        races::at(race_point::entry_checked);
        record(pages, s.served, heads);
        races::at(race_point::between_entries);
        return s;
    }

    /// One page after the other: which of a block's pages stay. Returns: how many, nothing being held of the others.
    [[gnu::noinline]] walk_step settle(entry_slot* slot, const table& t, const std::uint64_t* e, unsigned n,
                                     page** pages) const {
        const bool still = steps::table_is_still(t.above, t.seen);
        for (unsigned i = 0; i < n; ++i) {
            page* const p = pages[i];
            const bool odd = is_odd(p), doubt = odd || rules_.grab_is_doubtful(p);
            const bool same = still && slot[i].read().raw == e[i];
            if (!doubt && same && rules_.allowed(p) && !rules_.must_unshare({e[i]}, p)) continue;
            for (unsigned k = n; k-- > i + 1;) one::drop(pages[k]);
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

    /// What is in front of an entry that is no part of a block.
    [[gnu::noinline]] walk_step shorter_block(entry_slot* slot, const table& t, unsigned n, page** pages) {
        unsigned k = 0;
        for (; k < n; ++k) {
            const entry e = slot[k].read();
            if (!plain_.passes(e)) break;
        }
        if (k == 0 || k == n) return {walk_step::one_by_one, 0};  // it changes just now
        return block(slot, t, counted{k}, pages);
    }

    PINFOLD_DETAIL_HOT void record(page** pages, std::uint64_t n, const looks<P>& heads) {
        if (heads.of_one_node()) [[likely]]
            acquired(heads.any, n);
        else
            for (std::uint64_t i = 0; i < n; ++i) acquired(pages[i]->flags.load(), 1);
        if constexpr (P::ledger::enabled)
            for (std::uint64_t i = 0; i < n; ++i) phys().note(pages[i], one::kind, 1);
        if ((heads.all & page::bit(pg::referenced)) == 0) [[unlikely]]
            for (std::uint64_t i = 0; i < n; ++i)
                if (!pages[i]->is(pg::referenced)) pages[i]->set(pg::referenced);
    }
    /// Effects: counts n pins on the node that the flags of a frame name: as many blocks as possible at once.
    PINFOLD_DETAIL_HOT void acquired(std::int64_t flags, std::uint64_t n) {
        if constexpr (Pin) {
            const auto node = static_cast<unsigned>(flags >> page::node_shift & 15);
            if (node != node_) [[unlikely]]
                flush();
            node_ = node;
            acquired_ += n;
        } else {
            (void)flags, (void)n;
        }
    }
    void flush() {
        if (acquired_ != 0) phys().stats.acquired(node_, acquired_);
        acquired_ = 0;
    }

    // ---- runs ---------------------------------------------------------------------------------------------
    /// Entries that map pages of one large folio in a row: one grab of n units on the head.
    [[nodiscard]] walk_step run(entry_slot* slot, const table& t, entry e, std::uint64_t left, page** pages) const {
        constexpr walk_step not_this_way{walk_step::one_by_one, 0};
        constexpr auto half = static_cast<std::int64_t>(ops::traits::max_value / 2);
        page* const p = phys().at(e.number());
        if (hold::is_exempt(*p)) return not_this_way;
        page* const head = ops::head(p);
        const std::int64_t flags = head->flags.load();
        if ((flags & page::bit(pg::large)) == 0) return not_this_way;
        const std::uint64_t before = phys().number(p) - phys().number(head), size = pages_of(flags);
        // Near its limit a count refuses some of n grabs, but all of one of n.
        const auto count = static_cast<std::int64_t>(head->count.raw());
        if (before >= size || count <= 0 || count > half) return not_this_way;
        if (is_asked_each(e, head)) return not_this_way;
        const std::uint64_t room = size - before;
        const std::uint64_t n = entries_in_row<P::walk::wide>(slot, e, room < left ? room : left);
        if (n == 0) return not_this_way;
        races::at(race_point::entry_read);
        races::at(race_point::head_resolved);
        if (!ops::template try_grab_head<hold>(head, n)) [[unlikely]]
            return not_this_way;
        ops::count_type::fence();
        races::at(race_point::added);
        const std::int64_t now = head->flags.load();
        if (ops::head(p) != head || (now & page::bit(pg::large)) == 0 || pages_of(now) != size ||
            rules_.grab_is_doubtful(head)) [[unlikely]] {
            ops::template undo_grab_head<hold>(head, n);
            return not_this_way;
        }
        races::at(race_point::head_checked);
        const std::uint64_t same = entries_in_row<P::walk::wide>(slot, e, n);
        const bool still = steps::table_is_still(t.above, t.seen);
        if (still && same != 0 && (!rules_.allowed(head) || is_asked_each(e, head))) [[unlikely]] {
            ops::template undo_grab_head<hold>(head, n);
            return not_this_way;
        }
        const std::uint64_t kept = still ? same : 0;
        if (kept != n) [[unlikely]] {
            if (n - kept > 1) ops::template undo_grab_head<hold>(head, n - kept - 1);
            ops::template record<hold>(head, kept + 1);
            phys().note(head, one::kind, static_cast<std::int64_t>(kept + 1));
            ungrab(phys(), head, 1, rules_.flags_);
        } else {
            ops::template record<hold>(head, n);
            phys().note(head, one::kind, static_cast<std::int64_t>(n));
        }
        fill_row<P::walk::wide>(pages, p, kept);
        races::at(race_point::entry_checked);
        if (kept != 0 && (now & page::bit(pg::referenced)) == 0) head->set(pg::referenced);
        races::at(race_point::between_entries);
        return {kept == n ? walk_step::go_on : walk_step::stop, kept};
    }
    /// Whether gup_must_unshare is to be asked of each page: which ones are exclusive, or no by what they all are. Asked
    /// again when the folio is held, for before it may be another one.
    [[nodiscard]] bool is_asked_each(entry e, const page* head) const noexcept {
        return rules_.asks_unshare(e) && (head->is_anon() || rules_.wants(foll::longterm));
    }
    [[nodiscard]] static std::uint64_t pages_of(std::int64_t flags) noexcept { return std::uint64_t{1} << (flags & 63); }

    std::uint64_t acquired_ = 0;  ///< pins that stand and are not in the statistics yet
    unsigned node_ = 0;           ///< where they are
    const walk_rules<P>& rules_;
    const typename walk_rules<P>::test plain_;
    const bool asks_each_ = rules_.wants(foll::longterm);  ///< questions about each page that is held
};

}  // namespace pinfold::mm::detail
