// SPDX-License-Identifier: BSL-1.0
// What bounds the lockless walk: the accesses that no walk over these tables can do without, and nothing that asks or
// refuses. Measured in the rounds of the row they stand beside, they tell how much of it the machine takes and how much
// the library. They change counts as the MM does: its own calls give back what they took, and the reverse. Each is a
// function of its own, because the loop is the same machine code then whoever calls it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include <pinfold/mm.hpp>

#include "linux_6_shape.hpp"
#include "vectors.hpp"

namespace bounds {

namespace mm = pinfold::mm;

template <class P>
using page = mm::frame<P>;

/// Returns: the slot of `a` at level To: a load for each level above, which waits for the one before.
template <class P, mm::level To, mm::level L = mm::level::pgd>
[[nodiscard]] inline const mm::entry_slot* slot(const mm::page_tables<P>& t, const mm::entry_slot* table, mm::vaddr a) {
    using geo = mm::geometry<P::p4d_folded>;
    const mm::entry_slot* const s = table + geo::index(a, L);
    if constexpr (L == To)
        return s;
    else
        return slot<P, To, geo::child(L)>(t, t.slots(s->read().number()), a);
}

/// Effects: calls f(entry over the ptes, first pte, n) for the ptes of each table.
template <class P, class F>
inline void each_table(const mm::page_tables<P>& t, mm::vaddr a, std::uint64_t n, F f) {
    using geo = mm::geometry<P::p4d_folded>;
    for (const mm::vaddr end = a + n * mm::page_size; a != end;) {
        const mm::entry_slot* const above = slot<P, mm::level::pmd>(t, t.root_slots(), a);
        const mm::vaddr next = std::min(mm::align_down(a, mm::pmd_size) + mm::pmd_size, end);
        f(*above, t.slots(above->read().number()) + geo::index(a, mm::level::pte), (next - a) >> mm::page_shift);
        a = next;
    }
}

/// What makes a lockless pin right, whatever it pins: tables stay while it runs, and no fork went by.
template <class P>
class rightly {
public:
    explicit rightly(const mm::space<P>& of) : mm_(of), seq_(of.write_protect_seq.load_acquire()) {}
    rightly(const rightly&) = delete;
    rightly& operator=(const rightly&) = delete;
    ~rightly() {
        if (mm_.write_protect_seq.load_acquire() != seq_) std::abort();
    }

private:
    const mm::space<P>& mm_;
    const std::int64_t seq_;
    const mm::fast_section section_{};
};
struct barely {
    template <class Space>
    explicit barely(const Space&) {}
};

/// Pages of their own: entries, one locked addition each, slots.
template <class P>
[[gnu::noinline]] void pin(mm::space<P>& mm, mm::vaddr a, std::uint64_t n, page<P>** pages) {
    const auto find = mm.phys.map.finder();
    each_table<P>(mm.tables, a, n, [&](const mm::entry_slot&, const mm::entry_slot* pte, std::uint64_t k) {
        for (const mm::entry_slot* const end = pte + k; pte != end; ++pte) {
            page<P>* const p = find.at(pte->read().number());
            __atomic_fetch_add(peer::refs_of<P>(p), 1024, __ATOMIC_SEQ_CST);
            *pages++ = p;
        }
    });
}
/// The same, and what makes it right: no dead page, no entry that changed, nothing but single pages of anonymous memory.
template <class P>
[[gnu::noinline]] void pin_rightly(mm::space<P>& mm, mm::vaddr a, std::uint64_t n, page<P>** pages) {
    const rightly<P> all(mm);
    const auto find = mm.phys.map.finder();
    each_table<P>(mm.tables, a, n, [&](const mm::entry_slot& above, const mm::entry_slot* pte, std::uint64_t k) {
        const mm::entry table = above.read();
        std::int64_t flags = 0, owners = -1;
        for (const mm::entry_slot* const end = pte + k; pte != end; ++pte) {
            const mm::entry e = pte->read();
            page<P>* const p = find.at(e.number());
            std::int32_t* const refs = peer::refs_of<P>(p);
            std::int32_t seen = __atomic_load_n(refs, __ATOMIC_RELAXED);
            do {
                if (seen <= 0) std::abort();
            } while (!__atomic_compare_exchange_n(refs, &seen, seen + 1024, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
            if (pte->read() != e) std::abort();
            flags |= p->flags.load();
            owners &= p->mapping.load();
            *pages++ = p;
        }
        if (above.read() != table || (flags & page<P>::bit(mm::pg::large)) != 0 || (owners & 1) == 0) std::abort();
    });
}

/// Slots, one locked subtraction each.
template <class P>
[[gnu::noinline]] void unpin(page<P>** pages, std::uint64_t n) {
    for (page<P>** const end = pages + n; pages != end; ++pages)
        if (__atomic_sub_fetch(peer::refs_of<P>(*pages), 1024, __ATOMIC_SEQ_CST) == 0) std::abort();
}
/// The same, and what makes it right: each page is one of its own, of this node, and if it is anonymous nobody shares it;
/// that it goes is counted before it does.
template <class P>
[[gnu::noinline]] void unpin_rightly(mm::space<P>& mm, page<P>** pages, std::uint64_t n) {
    using frame = page<P>;
    const std::int64_t node = pages[0]->flags.load() >> frame::node_shift & 15;
    for (page<P>** const end = pages + n; pages != end; ++pages) {
        page<P>* const p = *pages;
        const std::int64_t flags = p->flags.load();
        if (((flags & frame::bit(mm::pg::large)) | (p->link.load_acquire() & 1)) != 0) std::abort();
        if ((flags >> frame::node_shift & 15) != node) std::abort();
        if (P::anon_exclusive && (p->mapping.load() & 1) != 0 && (flags & frame::bit(mm::pg::exclusive)) == 0) std::abort();
        mm.phys.stats.released(static_cast<unsigned>(node), 1);
        if (__atomic_sub_fetch(peer::refs_of<P>(p), 1024, __ATOMIC_SEQ_CST) == 0) std::abort();
    }
}

/// Adds n pins to a large folio, in one instruction: where they are counted apart, beside the references.
template <class P>
[[gnu::always_inline]] inline void add(page<P>* head, std::int64_t n) {
    if constexpr (peer::linux_6_shape<P>::exact) {
        auto* const both = reinterpret_cast<std::int64_t*>(&head->count);  // pins below, references above
        __atomic_fetch_add(both, n * ((std::int64_t{1} << 32) + 1), __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_add(peer::refs_of<P>(head), static_cast<std::int32_t>(n * 1024), __ATOMIC_SEQ_CST);
    }
}

/// The same of a folio that may be another by then, dead, or full: Guard says whether one looks.
template <class P, class Guard>
[[gnu::always_inline]] inline void add_to_folio(page<P>* first, std::uint64_t size) {
    const auto n = static_cast<std::int64_t>(size);
    if constexpr (std::is_same_v<Guard, barely>) return add<P>(first, n);
    constexpr std::int64_t kind = page<P>::bit(mm::pg::large) | 63;
    page<P>* const head = mm::physical<P>::ops::head(first);
    const std::int64_t flags = head->flags.load();
    if ((flags & page<P>::bit(mm::pg::large)) == 0 || std::uint64_t{1} << (flags & 63) < size || head->count.raw() <= 0)
        std::abort();
    add<P>(head, n);
    if (mm::physical<P>::ops::head(first) != head || ((head->flags.load() ^ flags) & kind) != 0) std::abort();
}

/// Folios of `size` pages by ptes: per folio its entries twice, its locked instruction, its slots. Guard: rightly, or barely.
template <class P, class Guard>
[[gnu::noinline]] void pin_folios(mm::space<P>& mm, mm::vaddr a, std::uint64_t n, page<P>** pages, std::uint64_t size) {
    const Guard guard(mm);
    const auto find = mm.phys.map.finder();
    each_table<P>(mm.tables, a, n, [&](const mm::entry_slot& above, const mm::entry_slot* pte, std::uint64_t k) {
        const mm::entry table = above.read();
        for (const mm::entry_slot* const end = pte + k; pte != end; pte += size, pages += size) {
            constexpr std::uint64_t next = std::uint64_t{1} << mm::entry::number_shift;
            const mm::entry e = pte->read();
            page<P>* const head = find.at(e.number());
            if (!vectors::are(pte, e.raw, next, size)) std::abort();
            add_to_folio<P, Guard>(head, size);
            if (!vectors::are(pte, e.raw, next, size)) std::abort();
            vectors::fill(pages, reinterpret_cast<std::uintptr_t>(head), sizeof(page<P>), size);
        }
        if (above.read() != table) std::abort();
    });
}
/// Per folio its slots, its locked instruction.
template <class P>
[[gnu::noinline]] void unpin_folios(page<P>** pages, std::uint64_t n, std::uint64_t size) {
    for (page<P>** const end = pages + n; pages != end; pages += size) {
        if (!vectors::are(pages, reinterpret_cast<std::uintptr_t>(*pages), sizeof(page<P>), size)) std::abort();
        add<P>(*pages, -static_cast<std::int64_t>(size));
    }
}

/// Huge entries of one table as runs: per leaf its entry twice, its locked instruction, its element. Guard: rightly, or
/// barely.
template <class P, class Guard>
[[gnu::noinline]] void pin_leaves(mm::space<P>& mm, mm::vaddr a, std::uint64_t leaves, mm::pinned_run<P>* runs) {
    const Guard guard(mm);
    const auto find = mm.phys.map.finder();
    const mm::entry_slot* pmd = slot<P, mm::level::pmd>(mm.tables, mm.tables.root_slots(), a);
    for (const mm::entry_slot* const end = pmd + leaves; pmd != end; ++pmd) {
        const mm::entry e = pmd->read();
        page<P>* const head = find.at(e.number());
        add_to_folio<P, Guard>(head, mm::pages_per_pmd);
        if (pmd->read() != e) std::abort();
        *runs++ = {head, head, mm::pages_per_pmd};
    }
}

}  // namespace bounds
