// SPDX-License-Identifier: BSL-1.0
// mmap, munmap, mprotect, madvise on one space. Source: spec 07 §7 B17 B18, spec 10 §9 §10.
#pragma once

#include <optional>
#include <shared_mutex>

#include "gup_slow.hpp"
#include "hugetlb_file.hpp"
#include "profile.hpp"
#include "zap.hpp"

namespace pinfold::mm {

namespace prot {
inline constexpr unsigned none = 0, read = 1, write = 2, exec = 4, rw = read | write;
}

enum class map_kind : unsigned char { anon, file, pfnmap, mixedmap };

/// What mmap is asked for.
struct mapping {
    unsigned prot = prot::rw;
    bool shared = false;
    map_kind kind = map_kind::anon;
    file* source = nullptr;          ///< implies kind file
    std::uint64_t offset = 0;        ///< bytes, a multiple of the page size
    std::optional<vaddr> at{};       ///< exactly there
    bool replace = false;            ///< with at: what is there goes (MAP_FIXED); else -EEXIST
    bool huge = false;               ///< as madvise(hugepage)
    unsigned huge_order = 0;         ///< anonymous hugetlb memory of pages of this order (MAP_HUGETLB)
    bool locked = false;
    bool noreserve = false;
    bool populate = false;
    bool io = false;                 ///< pfnmap: VM_IO too
    int node = -1;                   ///< mbind
};

enum class advice : unsigned char { hugepage, nohugepage, dontneed, populate_read, populate_write, dontfork, dofork,
                                    cold };

/// A value or a negative errno.
template <class T>
struct [[nodiscard]] result {
    T value{};
    int error = 0;

    explicit operator bool() const noexcept { return error == 0; }
    const T& operator*() const noexcept { return value; }
};

namespace detail {

[[nodiscard]] inline std::uint64_t access_flags(unsigned p) noexcept {
    return ((p & prot::read) != 0 ? vm::read : 0) | ((p & prot::write) != 0 ? vm::write : 0) |
           ((p & prot::exec) != 0 ? vm::exec : 0);
}

inline void describe(vma& v, const mapping& m, vaddr start, std::uint64_t len, file* source) {
    v.start = start;
    v.end = start + len;
    v.flags = access_flags(m.prot) | vm::mayread | vm::maywrite | vm::mayexec;
    if (m.shared) v.flags |= vm::shared | vm::mayshare;
    if (m.huge) v.flags |= vm::hugepage;
    if (m.locked) v.flags |= vm::locked;
    if (m.noreserve) v.flags |= vm::noreserve;
    v.keyed = m.prot == prot::exec;
    v.node = static_cast<signed char>(m.node);
    v.pgoff = start >> page_shift;
    if (source) {
        v.source = source;
        v.kind = source->mapped_as();
        v.huge_order = static_cast<unsigned char>(source->huge_order);
        if (v.is_hugetlb()) v.flags = (v.flags & ~(vm::locked | vm::hugepage)) | vm::hugetlb;
        v.pgoff = m.offset >> page_shift;
    } else if (m.kind == map_kind::pfnmap || m.kind == map_kind::mixedmap) {
        v.kind = vma_kind::driver;
        v.flags |= m.kind == map_kind::pfnmap ? vm::pfnmap | vm::io : vm::mixedmap | (m.io ? vm::io : 0);
    }
}

/// One pte of mprotect. Returns: the entry it becomes. Source: spec 10 §9.
template <class P>
[[nodiscard]] entry reprotect(const physical<P>& phys, const vma& v, entry e, bool huge) noexcept {
    e = v.is_accessible() ? e.without(eb::protnone) : e.with(eb::protnone);
    if (!v.has(vm::write)) return e.without(eb::writable);
    if (e.has(eb::writable)) return e;
    if (v.has(vm::shared)) return v.tracks_dirty() && !e.has(eb::dirty) ? e : e.with(eb::writable);
    if constexpr (P::anon_exclusive) {
        const frame<P>* page = normal_page(phys, e);
        if (page && huge) page = phys.head(const_cast<frame<P>*>(page));
        if (page && page->is_anon() && page->is(pg::exclusive) && !e.has(eb::uffd_wp)) return e.with(eb::writable);
    }
    return e;
}

}  // namespace detail

/// Effects: calls change(place, address, span) for each leaf of v in [from, to), under its lock. Huge entries only
/// partly covered are split first, or dropped where a file is behind them. Requires: the mmap lock.
template <class P, class Change>
void each_leaf(space<P>& mm, vaddr from, vaddr to, Change change) {
    using geo = geometry<P::p4d_folded>;
    for (vaddr a = from; a < to;) {
        auto at = mm.tables.find(a, level::pte);
        if (at.at == level::pmd && at.slot->read().is_leaf()) {
            const vaddr begin = align_down(a, pmd_size);
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (!e.is_leaf()) continue;
            if (begin >= from && begin + pmd_size <= to) {
                change(at, begin, pmd_size);
            } else if (splits_to_ptes(mm, e)) {
                split_pmd_locked(mm, at, begin);
                continue;
            } else {
                zap_gather<P> gather(mm);
                zap_pmd(mm, at, gather);
            }
            a = begin + pmd_size;
            continue;
        }
        if (at.at != level::pte) {
            a = align_down(a, geo::span(at.at)) + geo::span(at.at);
            continue;
        }
        const vaddr stop = align_down(a, pmd_size) + pmd_size < to ? align_down(a, pmd_size) + pmd_size : to;
        word_guard lock(at.lock());
        for (; a < stop; a += page_size, ++at.slot)
            if (at.slot->read().is_leaf()) change(at, a, page_size);
    }
}

/// The operations. Results: 0 or a negative errno.
template <class P>
class mappings {
public:
    using geo = geometry<P::p4d_folded>;

    explicit mappings(space<P>& mm) : mm_(mm) {}

    result<vaddr> map(std::uint64_t len, const mapping& m, file* source) {
        const std::uint64_t unit = page_size << (source ? source->huge_order : 0);
        len = align_up(len, unit);
        if (len == 0 || (m.offset & (unit - 1)) != 0) return {0, -err::einval};
        if (source && source->is_hugetlb() && (!mm_.phys.hugetlb.of(source->huge_order) || !can_map_huge<P>(source->huge_order)))
            return {0, -err::einval};
        std::unique_lock lock(mm_.mmap_lock);
        vaddr a = 0;
        if (m.at) {
            a = *m.at;
            if ((a & (unit - 1)) != 0 || a + len < a || a + len > geo::user_end) return {0, -err::einval};
            if (m.replace && !(may_cut(a) && may_cut(a + len))) return {0, -err::einval};
            if (m.replace) remove(a, a + len);
            else if (!mm_.is_free(a, len)) return {0, -err::eexist};
        } else {
            // Room for huge pages where they are wanted.
            a = mm_.find_free(len, m.huge && len >= pmd_size ? pmd_size : unit);
            if (a == 0) return {0, -err::enomem};
        }
        vma fresh;
        detail::describe(fresh, m, a, len, source);
        if (fresh.is_hugetlb() && !attach_huge(fresh)) return {0, -err::enomem};
        mm_.insert(fresh);
        return {a, 0};
    }

    int unmap(vaddr a, std::uint64_t len) {
        len = align_up(len, page_size);
        if ((a & ~page_mask) != 0 || len == 0 || a + len < a || a + len > geo::user_end) return -err::einval;
        std::unique_lock lock(mm_.mmap_lock);
        if (!may_cut(a) || !may_cut(a + len)) return -err::einval;
        remove(a, a + len);
        return 0;
    }

    int protect(vaddr a, std::uint64_t len, unsigned p) {
        len = align_up(len, page_size);
        if ((a & ~page_mask) != 0 || a + len < a) return -err::einval;
        if (len == 0) return 0;
        std::unique_lock lock(mm_.mmap_lock);
        if (!covered(a, a + len)) return -err::enomem;
        if (!may_cut(a) || !may_cut(a + len)) return -err::einval;
        mm_.split_at(a);
        mm_.split_at(a + len);
        for (vaddr from = a; from < a + len;) {
            vma& v = *mm_.find(from);
            from = v.end;
            const std::uint64_t before = v.flags;
            v.flags = (v.flags & ~vm::access) | detail::access_flags(p);
            v.keyed = p == prot::exec;
            if (v.is_hugetlb()) {
                if (v.flags != before) protect_huge(mm_, v);
                continue;
            }
            each_leaf(mm_, v.start, v.end, [&](const auto& at, vaddr, std::uint64_t span) {
                for (entry e = at.slot->read();; e = at.slot->read())
                    if (at.slot->swap(e, detail::reprotect(mm_.phys, v, e, span != page_size))) break;
            });
        }
        word64::full_fence();
        mm_.update(a, a + len, [](vma&) {});  // merges what has become alike
        return 0;
    }

    int advise(vaddr a, std::uint64_t len, advice what) {
        len = align_up(len, page_size);
        if ((a & ~page_mask) != 0 || a + len < a) return -err::einval;
        if (what == advice::populate_read || what == advice::populate_write)
            return populate(a, a + len, what == advice::populate_write ? foll::write : 0);
        if (what == advice::dontneed || what == advice::cold) {
            std::shared_lock lock(mm_.mmap_lock);
            return what == advice::dontneed ? discard(a, a + len) : cool(a, a + len);
        }
        std::unique_lock lock(mm_.mmap_lock);
        if (!covered(a, a + len)) return -err::enomem;
        if (!may_cut(a) || !may_cut(a + len)) return -err::einval;
        mm_.update(a, a + len, [what](vma& v) {
            if (what == advice::hugepage) v.flags = (v.flags & ~vm::nohugepage) | vm::hugepage;
            if (what == advice::nohugepage) v.flags = (v.flags & ~vm::hugepage) | vm::nohugepage;
            if (what == advice::dontfork) v.flags |= vm::dontcopy;
            if (what == advice::dofork) v.flags &= ~vm::dontcopy;
        });
        return 0;
    }

    /// MADV_POPULATE_*: hole -ENOMEM, refused VMA -EINVAL, poison -EHWPOISON, nothing behind it -EFAULT.
    int populate(vaddr a, vaddr end, unsigned write) {
        while (a < end) {
            {
                std::shared_lock lock(mm_.mmap_lock);
                const vma* v = mm_.find(a);
                if (!v) return -err::enomem;
                if (check_vma<P>(*v, write).error != 0) return -err::einval;
            }
            int locked = 0;
            const long n = slow_locked(mm_, a, (end - a) >> page_shift, write | foll::touch | foll::hwpoison, {}, &locked);
            if (n <= 0) return n == 0 ? -err::efault : static_cast<int>(n);
            a += static_cast<std::uint64_t>(n) << page_shift;
        }
        return 0;
    }

    /// mlock and MAP_POPULATE. Source: spec 06 §7.
    int lock_range(vaddr a, std::uint64_t len, bool on) {
        {
            std::unique_lock lock(mm_.mmap_lock);
            if (!covered(a, a + len)) return -err::enomem;
            mm_.update(a, a + len, [on](vma& v) {
                if (v.is_hugetlb()) return;  // never swapped anyhow: populated, not locked
                v.flags = on ? v.flags | vm::locked : v.flags & ~vm::locked;
            });
            each_leaf(mm_, a, a + len, [&](const auto& at, vaddr, std::uint64_t) {
                if (frame<P>* page = normal_page(mm_.phys, at.slot->read()); page && !mm_.phys.head(page)->is(pg::hugetlb))
                    mm_.phys.head(page)->change(on ? frame<P>::bit(pg::mlocked) : 0,
                                                on ? 0 : frame<P>::bit(pg::mlocked));
            });
        }
        return on ? prefault(a, a + len) : 0;
    }
    int prefault(vaddr a, vaddr end) {
        while (a < end) {
            vaddr stop = end;
            unsigned flags = foll::touch;
            {
                std::shared_lock lock(mm_.mmap_lock);
                const vma* v = mm_.find(a);
                if (!v) return -err::enomem;
                stop = v->end < end ? v->end : end;
                if (v->has(vm::io | vm::pfnmap)) {
                    a = stop;
                    continue;
                }
                if (!v->is_accessible()) return -err::enomem;
                flags |= v->has(vm::write) && !v->has(vm::shared) ? foll::write : foll::force;
            }
            int locked = 0;
            const long n = slow_locked(mm_, a, (stop - a) >> page_shift, flags, {}, &locked);
            if (n <= 0) return n == 0 ? -err::efault : static_cast<int>(n);
            a += static_cast<std::uint64_t>(n) << page_shift;
        }
        return 0;
    }

    /// Effects: everything goes (exit).
    void clear() {
        std::unique_lock lock(mm_.mmap_lock);
        remove(0, geo::user_end);
    }

private:
    [[nodiscard]] bool may_cut(vaddr a) {
        const vma* v = mm_.find(a);
        return !v || v->start == a || v->may_split(a);
    }
    /// A mapping of huge pages gets its promise; a writable one makes the file as long as itself.
    [[nodiscard]] bool attach_huge(vma& v) {
        if (!promise_mapping(mm_.phys, v)) return false;
        std::lock_guard guard(v.source->lock);
        const std::uint64_t end = (v.pgoff + v.pages()) << page_shift;
        if (v.has(vm::write) && v.source->size < end) v.source->size = end;
        return true;
    }
    [[nodiscard]] bool covered(vaddr a, vaddr end) {
        while (a < end) {
            const vma* v = mm_.find(a);
            if (!v) return false;
            a = v->end;
        }
        return true;
    }

    /// Requires: the mmap lock for writing.
    void remove(vaddr from, vaddr to) {
        mm_.split_at(from);
        mm_.split_at(to);
        auto& tree = mm_.vmas();
        auto it = tree.lower_bound(from);
        const vaddr floor = it == tree.begin() ? 0 : std::prev(it)->second.end;
        bool any = false;
        while (it != tree.end() && it->second.start < to) {
            vma& v = it->second;
            zap_range(mm_, v, v.start, v.end);
            ++it;
            end_promise(mm_.phys, v);
            file* const huge = v.is_hugetlb() ? v.source : nullptr;
            mm_.erase(v);  // out of the rmaps before its tables go
            if (huge) forsake_huge(mm_.phys, *huge);
            any = true;
        }
        const vaddr ceiling = it == tree.end() ? ~vaddr{0} : it->second.start;
        if (any) mm_.tables.free_range(floor, ceiling);
    }

    int discard(vaddr a, vaddr end) {
        int ret = 0;
        for (vma* v = mm_.find_next(a); v && v->start < end; v = mm_.find_next(v->end)) {
            if (v->has(vm::locked | vm::pfnmap)) return -err::einval;
            if (v->start > a) ret = -err::enomem;
            const vaddr from = v->start > a ? v->start : a;
            vaddr to = v->end < end ? v->end : end;
            if (!v->may_split(from)) return -err::einval;
            if (v->is_hugetlb()) to = align_down(to, page_size << v->huge_order);  // part of a page: nothing (NR-6)
            zap_range(mm_, *v, from, to);
            a = v->end;
        }
        return a < end ? -err::enomem : ret;
    }
    int cool(vaddr a, vaddr end) {
        if (!covered(a, end)) return -err::enomem;
        for (const vma* v = mm_.find(a); v && v->start < end; v = mm_.find(v->end))
            if (v->has(vm::locked | vm::pfnmap | vm::hugetlb)) return -err::einval;
        each_leaf(mm_, a, end, [&](const auto& at, vaddr, std::uint64_t) {
            const frame<P>* page = normal_page(mm_.phys, at.slot->read());
            if (!page || folio_mapcount(mm_.phys.head(const_cast<frame<P>*>(page))) != 1) return;
            for (entry e = at.slot->read(); !at.slot->swap(e, e.without(eb::young)); e = at.slot->read()) {
            }
        });
        return 0;
    }

    space<P>& mm_;
};

}  // namespace pinfold::mm
