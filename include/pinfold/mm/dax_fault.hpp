// SPDX-License-Identifier: BSL-1.0
// Faults on mappings of DAX files and DAX devices: an entry that shows the device's own frame, at the largest level
// that fits. Only private copies are memory. Source: spec 07 B11, spec 10 §2 §16.
#pragma once

#include <optional>
#include <shared_mutex>

#include "dax.hpp"
#include "fault_anon.hpp"
#include "fault_types.hpp"

namespace pinfold::mm {

namespace detail {

template <class P>
class dax_faulter {
public:
    using place = typename space<P>::place;
    using answer = std::optional<fault_result>;  // nothing: what is there is none of ours, the common fault goes on

    dax_faulter(space<P>& mm, vma& v, vaddr a, unsigned flags)
        : mm_(mm), phys_(mm.phys), v_(v), a_(a), flags_(flags), f_(*v.source), node_(*f_.dax),
          wants_write_((flags & (ff::write | ff::unshare)) != 0) {}

    [[nodiscard]] answer run() {
        if (v_.kind == vma_kind::devdax) return device_fault();
        const std::shared_lock invalidate(node_.invalidate);
        const std::lock_guard tree(f_.lock);
        if (v_.page_offset(a_) >= f_.pages() || !is_dax_alive(phys_, node_)) return fault_result::sigbus;
        place at = mm_.tables.reach(a_, level::pmd);
        if (!at.slot) return fault_result::oom;
        entry e = at.slot->read();
        if (e.is_leaf()) {
            if (!wants_write_ || e.has(eb::writable)) return fault_result::ok;
            if (!v_.has(vm::shared)) drop_huge(at);  // the copy is made by ptes
        }
        if (e.is_none() || (e.is_leaf() && v_.has(vm::shared))) {
            if (const auto r = huge_fault(at)) return r;
            drop_huge(at);  // base pages must do, and a huge one that was read is in their way
        }
        at = mm_.tables.reach(a_, level::pte);
        if (!at.slot) return fault_result::oom;
        if (!at.reached(level::pte)) return fault_result::ok;
        e = at.slot->read();
        if (!e.is_none() && (!e.is_leaf() || is_private_page(e))) return std::nullopt;
        if (e.is_leaf() && (!wants_write_ || e.has(eb::writable))) return fault_result::ok;
        return wants_write_ && !v_.has(vm::shared) ? copy(at, e) : page_fault(at);
    }

private:
    [[nodiscard]] bool is_private_page(entry e) const {
        const frame<P>* page = normal_page(phys_, e);
        return page && phys_.head(const_cast<frame<P>*>(page))->is_anon();
    }
    void drop_huge(const place& at) {
        zap_gather<P> gather(mm_);
        word_guard lock(at.lock());
        if (at.slot->read().is_leaf()) zap_pmd(mm_, at, gather);
    }

    // ---- a whole device: one unit of its alignment, or nothing ------------------------------------------------
    [[nodiscard]] answer device_fault() {
        if (!is_dax_alive(phys_, node_)) return fault_result::sigbus;
        const unsigned order = node_.align_order;
        const level l = order >= 2 * pmd_order ? level::pud : order >= pmd_order ? level::pmd : level::pte;
        const std::uint64_t span = geometry<P::p4d_folded>::span(l);
        const vaddr begin = align_down(a_, span);
        if (begin < v_.start || begin + span > v_.end) return fault_result::sigbus;
        const std::uint64_t index = v_.page_offset(begin);
        if (index % (span >> page_shift) != 0 || index + (span >> page_shift) > f_.pages()) return fault_result::sigbus;
        const place at = mm_.tables.reach(a_, l);
        if (!at.slot) return fault_result::oom;
        if (at.at != l) return fault_result::ok;
        if (!claim(index, span >> page_shift)) return fault_result::hwpoison;
        return install(at, node_.device_first + index, v_.has(vm::write));
    }

    /// Effects: the pages of the unit know their file, so that a failed one can be unmapped. Returns: whether none
    /// of them has failed.
    [[nodiscard]] bool claim(std::uint64_t index, std::uint64_t n) {
        const std::lock_guard tree(f_.lock);
        bool sound = true;
        for (std::uint64_t k = 0; k < n; ++k) {
            frame<P>* page = phys_.at(node_.device_first + index + k);
            sound = sound && !page->is(pg::hwpoison);
            if (page->is_tail() || page->mapping.load() != 0) continue;
            page->index = index + k;
            page->set_owner(&f_, owner::none_or_file);
        }
        return sound;
    }

    // ---- files ----------------------------------------------------------------------------------------------
    /// One pmd. Returns: nothing when base pages must do (dax_fault_check_fallback).
    [[nodiscard]] answer huge_fault(const place& at) {
        const vaddr begin = align_down(a_, pmd_size);
        if (v_.has(vm::nohugepage) || begin < v_.start || begin + pmd_size > v_.end) return std::nullopt;
        if (wants_write_ && !v_.has(vm::shared)) return std::nullopt;
        const std::uint64_t index = v_.page_offset(begin);
        if (index % pages_per_pmd != 0 || index + pages_per_pmd > f_.pages()) return std::nullopt;
        for (auto it = node_.entries.lower_bound(index); it != node_.entries.end() && it->first < index + pages_per_pmd; ++it)
            if (it->second.order == 0) return std::nullopt;
        const auto block = huge_block(index);
        if (!block) return std::nullopt;
        const bool hole = *block == pfn{};
        if (hole && (wants_write_ || !phys_.use_huge_zero)) return std::nullopt;
        dax_insert_entry(phys_, f_, index, {pmd_order, hole, false, *block});
        if (hole) return map_huge_zero(at);
        if (wants_write_) node_.find_entry(index)->second.dirty = true;
        return install(at, *block, false);
    }
    /// Returns: the first of 512 frames in a row, aligned, for the range at `index`; frame 0 where it is a hole, and
    /// for reading; nothing when it is neither. A write fills a hole.
    [[nodiscard]] std::optional<pfn> huge_block(std::uint64_t index) {
        const dax_block* first = node_.find_block(index);
        const pfn base = first ? first->frame : pfn{};
        const bool written = first && first->written;
        for (std::uint64_t k = 1; k < pages_per_pmd; ++k) {
            const dax_block* b = node_.find_block(index + k);
            if ((b != nullptr) != (first != nullptr) || (b && (b->frame != base + k || b->written != written)))
                return std::nullopt;
        }
        if (first && base.n % pages_per_pmd != 0) return std::nullopt;
        for (std::uint64_t k = 0; first && k < pages_per_pmd; ++k)
            if (phys_.at(base + k)->is(pg::hwpoison)) return std::nullopt;
        if (written) {
            for (std::uint64_t k = 0; wants_write_ && k < pages_per_pmd; ++k)
                if (node_.space().is_shared(base + k)) return std::nullopt;
            return base;
        }
        if (!wants_write_) return pfn{};
        const pfn fresh = first ? base : node_.space().take_huge();
        if (fresh == pfn{}) return std::nullopt;
        for (std::uint64_t k = 0; k < pages_per_pmd; ++k) {
            phys_.data.zero(*phys_.at(fresh + k), fresh + k);
            node_.blocks[index + k] = {fresh + k, true};
        }
        node_.metadata_dirty = true;
        return fresh;
    }

    [[nodiscard]] fault_result page_fault(const place& at) {
        const std::uint64_t index = v_.page_offset(a_);
        const dax_block* b = node_.find_block(index);
        if (!(b && b->written) && !wants_write_) return map_zero(at, index);
        const pfn n = wants_write_ ? writable_block(index) : b->frame;
        if (n == pfn{}) return fault_result::sigbus;
        if (phys_.at(n)->is(pg::hwpoison)) return fault_result::hwpoison;
        // A huge entry of the tree serves a pte as well.
        const auto old = node_.find_entry(index);
        if (old == node_.entries.end() || old->second.zero || old->second.first + (index - old->first) != n)
            dax_insert_entry(phys_, f_, index, {0, false, false, n});
        if (wants_write_) {
            node_.find_entry(index)->second.dirty = true;
            if (v_.has(vm::sync)) node_.metadata_dirty = false;  // the blocks are on record before the store happens
        }
        return install(at, n, false);
    }
    /// Returns: the frame to write page `index` in: its block, made and zeroed if there was none, copied if another
    /// file shares it.
    [[nodiscard]] pfn writable_block(std::uint64_t index) {
        const auto it = node_.blocks.find(index);
        if (it == node_.blocks.end()) {
            const pfn n = node_.take_block(index, true);
            if (n != pfn{}) phys_.data.zero(*phys_.at(n), n);
            return n;
        }
        const pfn n = it->second.frame;
        if (!it->second.written) {
            phys_.data.zero(*phys_.at(n), n);
            it->second.written = true;
            node_.metadata_dirty = true;
        } else if (node_.space().is_shared(n)) {
            const pfn own = node_.space().take({});
            if (own == pfn{}) return own;
            phys_.data.zero(*phys_.at(own), own);
            phys_.data.copy(*phys_.at(own), own, *phys_.at(n), n);
            node_.space().give(n);
            it->second.frame = own;
            node_.metadata_dirty = true;
            return own;
        }
        return n;
    }

    [[nodiscard]] fault_result map_zero(const place& at, std::uint64_t index) {
        dax_insert_entry(phys_, f_, index, {0, true, false, {}});
        word_guard lock(at.lock());
        if (at.slot->read().is_none())
            at.slot->set(entry::leaf(phys_.number(phys_.zero_page()), base_bits(v_) | entry::bit(eb::special)));
        return fault_result::ok;
    }
    [[nodiscard]] answer map_huge_zero(const place& at) {
        frame<P>* zero = phys_.huge_zero_page();
        frame<P>* spare = zero ? mm_.tables.new_table() : nullptr;
        if (!spare) return fault_result::oom;
        {
            word_guard lock(at.lock());
            if (at.slot->read().is_none()) {
                mm_.tables.deposit(at.table, spare);
                spare = nullptr;
                hold_huge_zero(mm_, zero);
                at.slot->set(entry::leaf(phys_.number(zero), base_bits(v_)));
            }
        }
        if (spare) mm_.tables.free_now(spare);
        return fault_result::ok;
    }

    /// Effects: the entry shows frame n; or, if it does already, becomes writable (mkwrite).
    [[nodiscard]] fault_result install(const place& at, pfn n, bool writable_when_read) {
        constexpr bool counts = P::devices::dax_is_mapped_counted;
        const bool counted = counts && v_.kind == vma_kind::fsdax;
        std::uint64_t bits = base_bits(v_) | (writable_when_read ? entry::bit(eb::writable) : 0);
        if (!counted) bits |= entry::bit(eb::devmap) | (at.at == level::pte ? entry::bit(eb::special) : 0);
        word_guard lock(at.lock());
        entry e = at.slot->read();
        if (e.is_none()) {
            if (counted) hold_mapping(phys_.at(n), at.at != level::pte);
            e = entry::leaf(n, bits);
        } else if (!e.is_leaf() || e.number() != n) {
            return fault_result::ok;  // somebody was faster; the walk looks again
        }
        const bool written = wants_write_ && v_.has(vm::write);
        at.slot->set(written ? e.with(eb::writable).with(eb::dirty).with(eb::young) : e);
        return fault_result::ok;
    }
    /// Counted like memory: one reference and one mapping. f.lock: only one thread at a time begins to use a page.
    void hold_mapping(frame<P>* page, bool huge) {
        frame<P>* head = phys_.head(page);
        for (;;) {  // refused is not dead: a release may be on its way there, or somebody come before it
            const outcome got = physical<P>::ops::try_get(head);
            if (got) break;
            if (head->count.is_dead()) {
                head->count.init(1);
                break;
            }
            if (got.error == errc::overflow) {
                head->count.get(1);
                break;
            }
        }
        phys_.note(head, holder::entry, 1);
        if (huge) map_huge(head);
        else map_pte(page, head);
        phys_.page_idle.wake_all();  // who waits for the page has to unmap it again (dax.hpp)
    }

    /// A private copy of what the file has here; the entry may show the file's page already.
    [[nodiscard]] fault_result copy(const place& at, entry e) {
        frame<P>* fresh = phys_.alloc({.node = v_.node});
        if (!fresh) return fault_result::oom;
        const dax_block* b = node_.find_block(v_.page_offset(a_));
        if (b && b->written) phys_.data.copy(*fresh, phys_.number(fresh), *phys_.at(b->frame), b->frame);
        make_anon(mm_, v_, a_, fresh);
        zap_gather<P> gather(mm_);
        word_guard lock(at.lock());
        if (at.slot->read() != e) {
            lock.release();
            phys_.drop(fresh, holder::hand_out);
            return fault_result::ok;
        }
        zap_pte(mm_, *at.slot, gather);  // cleared and flushed before the copy appears
        map_pte(fresh, fresh);
        phys_.pass(fresh, holder::hand_out, holder::entry);
        phys_.lru_add(fresh);
        const entry plain = entry::leaf(phys_.number(fresh), base_bits(v_));
        at.slot->set((flags_ & ff::unshare) != 0 ? plain : plain.with(eb::dirty).with(eb::young));
        if ((flags_ & ff::unshare) == 0 && v_.has(vm::write)) at.slot->set(at.slot->read().with(eb::writable));
        return fault_result::ok;
    }

    space<P>& mm_;
    physical<P>& phys_;
    vma& v_;
    vaddr a_;
    unsigned flags_;
    file& f_;
    dax_inode& node_;
    bool wants_write_;
};

}  // namespace detail

/// Requires: as handle_fault; v maps a DAX file or device. Returns: nothing when the entry is a private page's (or a
/// swapped, migrating … one): the common fault knows those.
template <class P>
[[nodiscard]] std::optional<fault_result> dax_fault(space<P>& mm, vma& v, vaddr a, unsigned flags) {
    return detail::dax_faulter<P>(mm, v, a, flags).run();
}

}  // namespace pinfold::mm
