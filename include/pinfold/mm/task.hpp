// SPDX-License-Identifier: BSL-1.0
// A task: one address space and the calls a process or a driver makes on it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cpu.hpp"
#include "dump_page.hpp"
#include "direct_io.hpp"
#include "inspect.hpp"
#include "iobuf.hpp"
#include "mapping.hpp"
#include "mempolicy.hpp"
#include "mincore.hpp"
#include "move_pages.hpp"
#include "msync.hpp"
#include "release.hpp"
#include "uffd.hpp"
#include "walk_runs.hpp"

namespace pinfold::mm {

template <class P>
class machine;

/// The gup functions (pin_user_pages_fast and the rest) are those of the profile: entry_points_*.hpp.
/// int results: 0 or a negative errno.
template <class P>
class task : public P::template entry_points<P> {
public:
    using profile = P;
    using page = frame<P>;
    using pages = std::span<page* const>;

    task(machine<P>& box, physical<P>& phys) : P::template entry_points<P>(mm_), box_(box), mm_(phys), maps_(mm_), buffer_(phys) {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() { exit(); }

    [[nodiscard]] space<P>& mm() noexcept { return mm_; }
    [[nodiscard]] machine<P>& box() noexcept { return box_; }
    [[nodiscard]] physical<P>& phys() noexcept { return mm_.phys; }

    // ---- mappings ----------------------------------------------------------------------------------------
    result<vaddr> mmap(std::uint64_t len, const mapping& m = {}) {
        file* source = m.source;
        if (!source && m.huge_order != 0) source = &box_.anonymous_huge(len, m.huge_order);
        if (!source && m.kind == map_kind::anon && m.shared) source = &box_.shared_anonymous(len);
        const result<vaddr> r = maps_.map(len, m, source);
        if (r && m.kind == map_kind::pfnmap) fill_with_device_memory(*r, len, m);
        if (r && (m.populate || m.locked)) (void)maps_.prefault(*r, *r + align_up(len, page_size));
        return r;
    }
    int munmap(vaddr a, std::uint64_t len) { return maps_.unmap(a, len); }
    int mprotect(vaddr a, std::uint64_t len, unsigned p) { return maps_.protect(a, len, p); }
    int madvise(vaddr a, std::uint64_t len, advice what) { return maps_.advise(a, len, what); }
    /// Returns: where the mapping is now.
    result<vaddr> mremap(vaddr a, const remapping& r) {
        const result<vaddr> moved = remap(mm_, a, r);
        if (moved && r.new_length > r.old_length && is_locked(*moved)) (void)maps_.prefault(*moved, *moved + align_up(r.new_length, page_size));
        return moved;
    }
    int mlock(vaddr a, std::uint64_t len) { return maps_.lock_range(a, align_up(len, page_size), true); }
    int mbind(vaddr a, std::uint64_t len, unsigned node) { return bind_memory(mm_, a, len, node); }
    /// mlock2(MLOCK_ONFAULT): what is there now, and the rest when it is touched.
    int mlock_on_fault(vaddr a, std::uint64_t len) { return maps_.lock_range(a, align_up(len, page_size), true, true); }
    int msync(vaddr a, std::uint64_t len, sync_mode mode) { return sync_range(mm_, a, len, mode); }
    /// Returns: pages of the range that are in memory, or a negative errno.
    long mincore(vaddr a, std::uint64_t len) { return pages_in_core(mm_, a, len); }
    /// read and write on a file opened with O_DIRECT. Returns: bytes, or a negative errno.
    long direct_read(file& f, std::uint64_t offset, vaddr a, std::uint64_t len) {
        return direct_io(*this, f, io::read, offset, a, len);
    }
    long direct_write(file& f, std::uint64_t offset, vaddr a, std::uint64_t len) {
        return direct_io(*this, f, io::write, offset, a, len);
    }
    int munlock(vaddr a, std::uint64_t len) { return maps_.lock_range(a, align_up(len, page_size), false); }

    /// A driver puts one page into a mixedmap: counted and mapped, as vm_insert_page.
    int insert_page(vaddr a, page* p) {
        std::shared_lock lock(mm_.mmap_lock);
        vma* v = mm_.find(a);
        if (!v || v->kind != vma_kind::driver) return -err::efault;
        const auto at = mm_.tables.reach(a, level::pte);
        if (!at.reached(level::pte)) return -err::enomem;
        word_guard table(at.lock());
        if (!at.slot->read().is_none()) return -err::ebusy;
        mm_.phys.hold(p, holder::entry);
        map_pte(p, p);
        at.slot->set(entry::leaf(mm_.phys.number(p), file_read_bits(*v)));
        return 0;
    }
    /// A driver puts raw memory without a descriptor there: a special entry.
    int insert_pfn(vaddr a, pfn n) {
        std::shared_lock lock(mm_.mmap_lock);
        vma* v = mm_.find(a);
        if (!v || v->kind != vma_kind::driver) return -err::efault;
        const auto at = mm_.tables.reach(a, level::pte);
        if (!at.reached(level::pte)) return -err::enomem;
        word_guard table(at.lock());
        if (!at.slot->read().is_none()) return -err::ebusy;
        at.slot->set(entry::leaf(n, file_read_bits(*v) | entry::bit(eb::special)));
        return 0;
    }

    // ---- the process touches memory ----------------------------------------------------------------------
    fault_result touch(vaddr a, bool write) {
        return cpu_access(mm_, a, write, [](page&, pfn) {});
    }
    fault_result store(vaddr a, unsigned char value) {
        return cpu_access(mm_, a, true, [&](page& p, pfn n) { phys().data.store(p, n, a & ~page_mask, value); });
    }
    /// Returns: the byte, or a fault as error.
    struct loaded {
        unsigned char value = 0;
        fault_result fault = fault_result::ok;
    };
    loaded load(vaddr a) {
        loaded l;
        l.fault = cpu_access(mm_, a, false, [&](page&, pfn n) { l.value = phys().data.load(n, a & ~page_mask); });
        return l;
    }
    /// Effects: faults in `n` pages from `a`, one lock for all: for building large states cheaply.
    /// Returns: pages present afterwards, up to the first that cannot be.
    std::uint64_t fault_in(vaddr a, std::uint64_t n, bool write) {
        std::shared_lock lock(mm_.mmap_lock);
        vma* v = nullptr;
        const unsigned flags = write ? ff::write : 0U;
        for (std::uint64_t i = 0; i < n; ++i, a += page_size) {
            if (!v || !v->holds(a)) v = mm_.find(a);
            if (!v || !(write ? v->has(vm::write) : v->is_accessible())) return i;
            if (handle_fault(mm_, *v, a, flags) != fault_result::ok) return i;
        }
        return n;
    }

    /// For a core dump: one reference (put_page), or null where the dump has a hole.
    [[nodiscard]] page* get_dump_page(vaddr a) { return mm::get_dump_page(mm_, a); }

    // ---- releasing ---------------------------------------------------------------------------------------
    void unpin_user_page(page* p) { unpin_pages(phys(), p, 1); }
    void unpin_user_pages(pages a) { unpin_array(phys(), a, false); }
    /// n as a driver has it: a negative errno taken for a count is caught.
    void unpin_user_pages(page** a, long n) {
        if (n < 0) return phys().warn.emit(warn_id::unpin_errno, n);
        unpin_array<P>(phys(), pages(a, static_cast<std::size_t>(n)), false);
    }
    void unpin_user_pages_dirty_lock(pages a, bool dirty) { unpin_array(phys(), a, dirty); }
    void unpin_user_page_range_dirty_lock(page* first, std::uint64_t n, bool dirty) {
        unpin_range(phys(), first, n, dirty);
    }
    /// What pin_user_pages_fast_ranges returned, or parts of it.
    void unpin_user_page_ranges(std::span<const pinned_run<P>> runs, bool dirty = false) {
        for (const pinned_run<P>& r : runs) unpin_range(phys(), r.first, r.count, dirty);
    }
    void put_page(page* p) { ungrab(phys(), p, 1, foll::get); }
    void put_pages(pages a) { put_array(phys(), a, false); }
    void unpin_folio(page* p) { unpin_pages(phys(), p, 1); }
    void unpin_user_folio(page* p, std::uint64_t n) { unpin_pages(phys(), p, n); }
    void folio_add_pin(page* p) { add_pin(phys(), p); }
    // The names of 2019.
    void put_user_page(page* p) { unpin_pages(phys(), p, 1); }
    void put_user_pages(pages a) { unpin_array(phys(), a, false); }
    void put_user_pages_dirty_lock(pages a, bool dirty) { unpin_array(phys(), a, dirty); }

    /// One buffer of the task's I/O ring: pinned until it is unregistered or the task exits.
    int register_buffer(vaddr a, std::uint64_t len) { return buffer_.register_buffer(*this, a, len); }
    int unregister_buffer() { return buffer_.unregister(); }

    // ---- looking -----------------------------------------------------------------------------------------
    [[nodiscard]] observation<P> inspect(vaddr a) {
        phys().lru_drain_all();
        return mm::inspect(mm_, a);
    }
    [[nodiscard]] bool has_pinned() const noexcept { return mm_.has_pinned.load() != 0; }
    void set_fatal_signal(bool on) noexcept { mm_.fatal_signal.store(on ? 1 : 0); }

    /// Effects: the address space goes; what is pinned lives on its pins.
    void exit() {
        if (!mm_.tables.root()) return;
        box_.ksm().forget(&mm_);
        for (const auto& u : mm_.userfaults) u->close();
        (void)buffer_.unregister();
        maps_.clear();
        mm_.tables.free_all();
        if (mm_.huge_zero) mm_.phys.drop(mm_.huge_zero, holder::hand_out);
        mm_.huge_zero = nullptr;
    }

private:
    [[nodiscard]] bool is_locked(vaddr a) {
        std::shared_lock lock(mm_.mmap_lock);
        const vma* v = mm_.find(a);
        return v && v->has(vm::locked);
    }
    void fill_with_device_memory(vaddr a, std::uint64_t len, const mapping& m) {
        const pfn first = box_.device_frames(align_up(len, page_size) >> page_shift);
        (void)m;
        for (std::uint64_t k = 0; k << page_shift < len; ++k) (void)insert_pfn(a + (k << page_shift), first + k);
    }

    machine<P>& box_;
    space<P> mm_;
    mappings<P> maps_;
    io_buffer<P> buffer_;
};

}  // namespace pinfold::mm
