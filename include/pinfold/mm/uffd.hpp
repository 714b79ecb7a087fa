// SPDX-License-Identifier: BSL-1.0
// userfaultfd: a process answers the faults of a range by itself. Source: spec 10 §18, spec 07 §7.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "each_leaf.hpp"
#include "mprotect.hpp"
#include "uffd_fault.hpp"
#include "uffd_fill.hpp"
#include "uffd_move.hpp"
#include "unmap.hpp"

namespace pinfold::mm {

/// What is watched.
namespace uffd {
inline constexpr unsigned missing = 1, wp = 2;
}

/// One userfaultfd, of one address space; it may be left over when that is gone. Results: 0, bytes, or a negative
/// errno; -ESRCH, there is nothing to watch any more.
template <class P>
class userfault {
public:
    explicit userfault(space<P>& mm) : mm_(mm), context_(std::make_shared<uffd_context>()) {
        const std::unique_lock lock(mm.mmap_lock);
        mm.userfaults.push_back(context_);
    }
    userfault(const userfault&) = delete;
    userfault& operator=(const userfault&) = delete;
    ~userfault() { close(); }

    /// Effects: faults of these kinds in the range are told here. Fails when: -EINVAL, misaligned, or memory of a kind
    /// that cannot be watched; -ENOMEM, no mapping; -EBUSY, another userfaultfd watches a part.
    [[nodiscard]] int watch(vaddr a, std::uint64_t len, unsigned modes) {
        if (!is_range(a, len) || modes == 0) return -err::einval;
        if (context_->is_closed()) return -err::esrch;
        const std::unique_lock lock(mm_.mmap_lock);
        const vma* first = mm_.find_next(a);
        if (!first || first->start >= a + len) return -err::enomem;
        if (!may_cut(mm_, a) || !may_cut(mm_, a + len)) return -err::einval;
        for (const vma* v = first; v && v->start < a + len; v = mm_.find_next(v->end)) {
            if (!v->is_anonymous() && v->kind != vma_kind::shmem && !v->is_hugetlb()) return -err::einval;
            if (v->watcher && v->watcher != context_) return -err::ebusy;
        }
        const std::uint64_t wanted = ((modes & uffd::missing) != 0 ? vm::uffd_missing : 0) |
                                     ((modes & uffd::wp) != 0 ? vm::uffd_wp : 0);
        mm_.update(a, a + len, [&](vma& v) {
            if (v.watcher == context_ && (v.flags & wanted) == wanted) return;  // watched so already, maybe more
            v.flags = (v.flags & ~(vm::uffd_missing | vm::uffd_wp)) | wanted;
            v.watcher = context_;
        });
        return 0;
    }
    /// Effects: the range is ordinary memory again; who waits in it looks again.
    [[nodiscard]] int unwatch(vaddr a, std::uint64_t len) {
        if (!is_range(a, len)) return -err::einval;
        if (context_->is_closed()) return -err::esrch;
        {
            const std::unique_lock lock(mm_.mmap_lock);
            if (!may_cut(mm_, a) || !may_cut(mm_, a + len)) return -err::einval;
            forget(a, a + len);
        }
        context_->wake(a, a + len);
        return 0;
    }

    /// UFFDIO_COPY: pages appear with these contents, or none where something is. Returns: bytes; -EEXIST, -ENOENT.
    [[nodiscard]] long copy(vaddr to, const unsigned char* from, std::uint64_t len, bool protect = false) {
        if (context_->is_closed()) return -err::esrch;
        return woken(to, detail::fill_range(mm_, to, len, from, protect));
    }
    /// UFFDIO_ZEROPAGE. Returns: bytes; -EEXIST, -ENOENT.
    [[nodiscard]] long zero(vaddr to, std::uint64_t len) {
        if (context_->is_closed()) return -err::esrch;
        return woken(to, detail::fill_range(mm_, to, len, nullptr, false));
    }
    /// UFFDIO_MOVE: the pages themselves, with what they hold. Returns: bytes; -EBUSY, a page that is large, pinned or
    /// not exclusive; -EEXIST, -ENOENT.
    [[nodiscard]] long move(vaddr to, vaddr from, std::uint64_t len) {
        if (context_->is_closed()) return -err::esrch;
        return woken(to, detail::move_range(mm_, *context_, to, from, len));
    }

    /// UFFDIO_WRITEPROTECT. Off: what may be written without a fault can be at once (spec 10 §18).
    [[nodiscard]] int write_protect(vaddr a, std::uint64_t len, bool on) {
        if (!is_range(a, len)) return -err::einval;
        if (context_->is_closed()) return -err::esrch;
        {
            const std::shared_lock lock(mm_.mmap_lock);
            for (vaddr at = a; at < a + len;) {
                vma* v = mm_.find(at);
                if (!v || !v->has(vm::uffd_wp)) return -err::enoent;
                const vaddr end = v->end < a + len ? v->end : a + len;
                if (v->is_hugetlb() && !(v->may_split(at) && v->may_split(end))) return -err::einval;
                protect_range(*v, at, end, on);
                at = end;
            }
        }
        if (!on) context_->wake(a, a + len);
        return 0;
    }

    [[nodiscard]] std::optional<uffd_event> read() { return context_->read(); }
    void wake(vaddr a, std::uint64_t len) { context_->wake(a, a + len); }

    /// Effects: nothing is watched any more, nobody waits.
    void close() {
        if (context_->is_closed()) return;
        {
            const std::unique_lock lock(mm_.mmap_lock);
            forget(0, geometry<P::p4d_folded>::user_end);
            std::erase(mm_.userfaults, context_);
        }
        context_->close();
    }

private:
    static bool is_range(vaddr a, std::uint64_t len) noexcept {
        constexpr vaddr lowest = 0x10000;  // below, nothing can be mapped
        return ((a | len) & ~page_mask) == 0 && len != 0 && a + len > a && a >= lowest && a + len <= geometry<P::p4d_folded>::user_end;
    }
    long woken(vaddr to, long done) {
        if (done > 0) context_->wake(to, to + static_cast<std::uint64_t>(done));
        return done;
    }

    /// Requires: the mmap lock for writing.
    void forget(vaddr from, vaddr to) {
        for (vma* v = mm_.find_next(from); v && v->start < to;) {
            const vaddr start = v->start < from ? from : v->start, end = v->end < to ? v->end : to;
            if (v->watcher == context_) {
                if (v->has(vm::uffd_wp)) protect_range(*v, start, end, false);
                mm_.update(start, end, [](vma& part) {
                    part.flags &= ~(vm::uffd_missing | vm::uffd_wp);
                    part.watcher.reset();
                });
            }
            v = mm_.find_next(end);
        }
    }

    /// Requires: the mmap lock; [from, to) lies in v.
    void protect_range(vma& v, vaddr from, vaddr to, bool on) {
        const auto change = [&](entry e, bool huge) {
            if (!on) {
                e = e.without(eb::uffd_wp);
                if (e.kind() == entry_kind::marker) return entry{};
                if (!e.is_leaf()) return e;
                // a huge page of a pool gets its write access back by a fault only
                return v.is_hugetlb() ? e.without(eb::writable) : detail::reprotect(mm_.phys, v, e, huge);
            }
            return e.kind() == entry_kind::device_private ? e : e.without(eb::writable).with(eb::uffd_wp);
        };
        if (v.is_hugetlb()) {
            if (on) mark_huge_holes(v, from, to);
            each_huge(mm_, v, from, to, [&](const huge_place& at, vaddr) {
                word_guard lock(at.lock());
                update_entry(*at.slot, [&](entry e) { return change(e, true); });
            });
        } else {
            if (on && !v.is_anonymous()) mark_holes(from, to);
            each_entry(mm_, from, to, [&](const auto& at, vaddr, std::uint64_t span) {
                update_entry(*at.slot, [&](entry e) { return change(e, span != page_size); });
            });
        }
        word64::full_fence();  // the flush
    }
    /// Memory of a file may come back by itself: its empty places remember that they are protected. A huge entry cannot:
    /// it goes, and pages of the folio come back one by one.
    void mark_holes(vaddr from, vaddr to) {
        for (vaddr a = from; a < to; a += page_size) {
            if (const auto huge = mm_.tables.find(a, level::pte); huge.at == level::pmd) {
                word_guard lock(huge.lock());
                const entry e = huge.slot->read();
                if (e.is_leaf()) drop_file_pmd(mm_, huge, lock);
                else if (is_huge(e)) (void)huge.slot->take();  // on its way: who moves it has what it counted
            }
            const auto at = mm_.tables.reach(a, level::pte);
            if (!at.slot || !at.reached(level::pte)) continue;
            word_guard lock(at.lock());
            if (at.slot->read().is_none()) at.slot->set(marked_hole);
        }
    }
    /// The same for huge pages of a pool, private ones too.
    void mark_huge_holes(const vma& v, vaddr from, vaddr to) {
        for (vaddr a = from; a < to; a += page_size << v.huge_order) {
            const huge_place at = reach_huge(mm_, a, v.huge_order);
            if (!at.slot) continue;
            word_guard lock(at.lock());
            if (at.slot->read().is_none()) at.slot->set(marked_hole);
        }
    }

    static constexpr entry marked_hole = entry::make(entry_kind::marker, {}, entry::bit(eb::uffd_wp));

    space<P>& mm_;
    std::shared_ptr<uffd_context> context_;
};

}  // namespace pinfold::mm
