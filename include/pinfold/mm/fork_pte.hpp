// SPDX-License-Identifier: BSL-1.0
// fork of the ptes of one table. Source: spec 07 B3, spec 10 §7.
#pragma once

#include "cow.hpp"
#include "swap_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// One VMA on its way from parent to child. Requires: both mmap locks for writing.
template <class P>
struct fork_copy {
    space<P>& parent;
    space<P>& child;
    vma& from;
    vma& to;

    /// Returns: whether fork must not share the page but copy it now. `page`: the one whose mark counts.
    [[nodiscard]] bool is_kept(const frame<P>* page, frame<P>* head) const {
        if constexpr (!P::fork_copies_pinned) return false;
        if (!page->is(pg::exclusive) || parent.has_pinned.load() == 0) return false;
        return static_cast<bool>(physical<P>::ops::maybe_pinned(head));
    }
    /// The child's entry of a shared page: not young; clean where the memory is shared; not watched.
    [[nodiscard]] entry childs(entry e) const noexcept {
        e = e.without(eb::young);
        if (from.has(vm::shared)) e = e.without(eb::dirty);
        if (from.is_cow()) e = e.without(eb::writable);
        return to.has(vm::uffd_wp) ? e : e.without(eb::uffd_wp);
    }
};

/// Copies ptes under both locks; what needs a fresh page makes it stop, and the caller comes back with one.
template <class P>
class pte_copier {
public:
    using page = frame<P>;
    using place = typename space<P>::place;

    explicit pte_copier(fork_copy<P>& copy) : copy_(copy), phys_(copy.parent.phys) {}
    pte_copier(const pte_copier&) = delete;
    pte_copier& operator=(const pte_copier&) = delete;
    ~pte_copier() {
        if (spare_) phys_.drop(spare_, holder::hand_out);
    }

    [[nodiscard]] int run(vaddr a, vaddr end) {
        const place to = copy_.child.tables.reach(a, level::pte);
        if (!to.slot) return -err::enomem;
        while (a < end) {
            if (wanted_ && !(spare_ = phys_.alloc({.node = copy_.to.node}))) return -err::enomem;
            wanted_ = false;
            const place from = copy_.parent.tables.find(a, level::pte);
            if (!from.reached(level::pte)) return 0;  // a whole table came and went: nothing is mapped
            word_guard outer(to.lock());              // the child's first: nobody holds it and waits for the parent's
            word_guard inner(from.lock());
            entry_slot* s = from.slot;
            entry_slot* d = copy_.child.tables.slot_in(to.table, level::pte, a).slot;
            for (; a < end && !wanted_; ++s, ++d) {
                copy_one(a, *s, *d);
                if (!wanted_) a += page_size;
            }
        }
        return 0;
    }

private:
    void copy_one(vaddr a, entry_slot& s, entry_slot& d) {
        const entry e = s.read();
        switch (e.kind()) {
            case entry_kind::leaf: return copy_leaf(a, s, d, e);
            case entry_kind::swap:
                phys_.swap.dup(slot_of(e));
                copy_.child.swap_entries.adjust(1);
                return share(s, d, e, e.without(eb::exclusive));
            case entry_kind::migration:
                return share(s, d, e, copy_.from.is_cow() ? e.without(eb::writable).without(eb::exclusive) : e);
            case entry_kind::device_private: {
                page* p = phys_.at(e.number());
                phys_.hold(phys_.head(p), holder::entry);
                map_pte(p, phys_.head(p));
                p->clear(pg::exclusive);
                return share(s, d, e, copy_.from.is_cow() ? e.without(eb::writable) : e);
            }
            case entry_kind::hwpoison: return d.set(e);
            default: return;
        }
    }
    /// An entry that is no mapping: the same for both, and weaker for both.
    void share(entry_slot& s, entry_slot& d, entry e, entry now) {
        if (now != e) s.set(now);
        d.set(copy_.to.has(vm::uffd_wp) ? now : now.without(eb::uffd_wp));
    }

    void copy_leaf(vaddr a, entry_slot& s, entry_slot& d, entry e) {
        if (page* p = normal_page(phys_, e)) {
            page* head = phys_.head(p);
            if (head->is_anon() && copy_.is_kept(p, head)) return copy_pinned(a, d, p);
            phys_.hold(head, holder::entry);
            if (head->is_anon()) p->clear(pg::exclusive);
            map_pte(p, head);
        }
        if (copy_.from.is_cow() && e.has(eb::writable)) {
            (void)s.swap(e, e.without(eb::writable));  // its lock is held: cannot fail
        }
        d.set(copy_.childs(e));
    }
    /// The device goes on with the parent; the child gets what is there now.
    void copy_pinned(vaddr a, entry_slot& d, page* p) {
        if (!spare_) {
            wanted_ = true;
            return;
        }
        page* fresh = std::exchange(spare_, nullptr);
        phys_.data.copy(*fresh, phys_.number(fresh), *p, phys_.number(p));
        make_anon(copy_.child, copy_.to, a, fresh);
        map_pte(fresh, fresh);
        phys_.pass(fresh, holder::hand_out, holder::entry);
        phys_.lru_add(fresh);
        d.set(made_writable(entry::leaf(phys_.number(fresh), base_bits(copy_.to)), copy_.to));
    }

    fork_copy<P>& copy_;
    physical<P>& phys_;
    page* spare_ = nullptr;
    bool wanted_ = false;
};

/// Requires: [a, end) lies in one table.
template <class P>
[[nodiscard]] int copy_ptes(fork_copy<P>& copy, vaddr a, vaddr end) {
    return pte_copier<P>(copy).run(a, end);
}

}  // namespace detail

}  // namespace pinfold::mm
