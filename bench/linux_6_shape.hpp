// SPDX-License-Identifier: BSL-1.0
// What the lockless walk of Linux 6 does per page, in user space over the reference MM's own tables and frames: a
// compare-exchange of +1, a second atomic for the pin, the head again, the two entries again. Not the kernel: no
// interrupts to switch off, no statistics, no question about the folio.
#pragma once

#include <cstdint>

#include <pinfold/mm.hpp>

namespace peer {

namespace mm = pinfold::mm;

/// The word of the references of a frame; the word of its exact pins lies before it where there is one.
template <class P>
[[nodiscard]] std::int32_t* refs_of(mm::frame<P>* f) {
    auto* word = reinterpret_cast<std::int32_t*>(&f->count);
    return sizeof(f->count) == 4 ? word : word + 1;
}

template <class P>
struct linux_6_shape {
    using page = mm::frame<P>;
    static constexpr bool exact = sizeof(page::count) == 8;

    [[nodiscard]] static page* head_of(page* p) noexcept {
        const std::intptr_t link = p->link.load_acquire();
        return (link & 1) != 0 ? reinterpret_cast<page*>(link - 1) : p;
    }

    /// One page at a time. Returns: slots filled. Requires: every page is mapped by a pte.
    static std::uint64_t pin(mm::space<P>& mm, mm::vaddr a, std::uint64_t n, page** pages) {
        using geo = mm::geometry<P::p4d_folded>;
        const std::int64_t seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) return 0;
        std::uint64_t nr = 0;
        for (const mm::vaddr end = a + n * mm::page_size; a < end;) {
            const mm::page_tables<P>& t = mm.tables;
            const mm::entry pgd = t.slots(t.root())[geo::index(a, mm::level::pgd)].read();
            if (!pgd.is_table()) return nr;
            const mm::entry pud = t.slots(mm.phys.at(pgd.number()))[geo::index(a, mm::level::pud)].read();
            if (!pud.is_table()) return nr;
            const mm::entry_slot& above = t.slots(mm.phys.at(pud.number()))[geo::index(a, mm::level::pmd)];
            const mm::entry pmd = above.read();
            if (!pmd.is_table()) return nr;
            const mm::entry_slot* slot = t.slots(mm.phys.at(pmd.number())) + geo::index(a, mm::level::pte);
            const mm::vaddr next = mm::align_down(a, geo::span(mm::level::pmd)) + geo::span(mm::level::pmd);
            for (const mm::vaddr stop = next < end ? next : end; a < stop; a += mm::page_size, ++slot) {
                const mm::entry e = slot->read();
                if (!e.is_leaf() || !e.has(mm::eb::user) || !e.has(mm::eb::writable) || e.has(mm::eb::special)) return nr;
                page* const p = mm.phys.at(e.number());
                page* const head = head_of(p);
                std::int32_t* const refs = refs_of(head);
                std::int32_t seen = __atomic_load_n(refs, __ATOMIC_RELAXED);
                do {
                    if (seen <= 0) return nr;
                } while (!__atomic_compare_exchange_n(refs, &seen, seen + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
                if (head_of(p) != head) return nr;
                if (exact && head->is(mm::pg::large)) __atomic_fetch_add(refs - 1, 1, __ATOMIC_SEQ_CST);
                else __atomic_fetch_add(refs, 1023, __ATOMIC_SEQ_CST);
                if (slot->read() != e || above.read() != pmd) return nr;
                if (!head->is(mm::pg::referenced)) head->set(mm::pg::referenced);
                pages[nr++] = p;
            }
        }
        return mm.write_protect_seq.load_acquire() == seq ? nr : 0;
    }

    /// By runs of one folio, each page's head asked.
    static void unpin(page** pages, std::uint64_t n) {
        for (std::uint64_t i = 0; i < n;) {
            page* const head = head_of(pages[i]);
            std::int32_t run = 1;
            while (i + static_cast<std::uint64_t>(run) < n && head_of(pages[i + static_cast<std::uint64_t>(run)]) == head) ++run;
            std::int32_t* const refs = refs_of(head);
            const bool apart = exact && head->is(mm::pg::large);
            if (apart) __atomic_fetch_sub(refs - 1, run, __ATOMIC_SEQ_CST);
            if (__atomic_sub_fetch(refs, apart ? run : run * 1024, __ATOMIC_SEQ_CST) == 0) __builtin_trap();
            i += static_cast<std::uint64_t>(run);
        }
    }
};

}  // namespace peer
