// SPDX-License-Identifier: BSL-1.0
// Dirty pages of a filesystem go to its blocks: their entries are cleaned and write-protected first, so that the next
// write of a process is a fault and is told. A device that writes through a pin asks nobody (HAZ-WB).
// Source: spec 07 §10 B14.
#pragma once

#include <cstdint>
#include <mutex>

#include "page_lock.hpp"
#include "pagecache.hpp"
#include "space.hpp"
#include "writeback_policy.hpp"

namespace pinfold::mm {

/// What one writeback did, in pages.
struct written_back {
    std::uint64_t written = 0;     ///< are on record
    std::uint64_t kept_dirty = 0;  ///< skipped, or written and dirty all the same
    std::uint64_t torn = 0;        ///< changed under I/O: what arrived is not what was sent off
    std::uint64_t unprepared = 0;  ///< dirtied behind the filesystem's back: not written, and clean now
};

/// Effects: shared entries of page `n` at place `index` are write-protected and clean; private ones show a page of the
/// file to readers only. Returns: whether any was dirty. Requires: f.lock.
template <class P>
bool clean_entries(file& f, std::uint64_t index, pfn n) {
    bool dirty = false;
    f.mappings.each_overlapping(index, 1, [&](vma& v) {
        if (!v.has(vm::shared)) return;
        const auto at = static_cast<space<P>*>(v.owner)->tables.find(v.address_of(index), level::pte);
        if (!at.reached(level::pte)) return;
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        if (!e.is_leaf() || e.number() != n || !(e.has(eb::writable) || e.has(eb::dirty))) return;
        const entry taken = at.slot->take();  // cleared and flushed
        at.slot->set(taken.without(eb::writable).without(eb::dirty));
        dirty = dirty || taken.has(eb::dirty);
    });
    return dirty;
}

namespace detail {

/// What stands for the checksum a device computes of what it is sent.
[[nodiscard]] inline std::uint64_t checksum(const file::block& b) noexcept {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const unsigned char c : b) sum = (sum ^ c) * 0x100000001b3;
    return sum;
}

template <class P>
void read_page(physical<P>& phys, const frame<P>* page, file::block& to) {
    phys.data.copy_out(phys.number(page), to.data());
}

/// One writeback of a file; holds its lock between the steps that may not hold it.
template <class P>
class writeback {
public:
    using page = frame<P>;

    writeback(physical<P>& phys, file& f) : phys_(phys), f_(f), lock_(f.lock) {}

    written_back run(std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t at = first; page* head = next_dirty(at, last); at = head_index_ + 1) {
            head_index_ = head->index;
            phys_.hold(head, holder::temporary);  // the batch's
            write(head);
            phys_.drop(head, holder::temporary);
        }
        wait_for_others(first, last);
        return done_;
    }

private:
    [[nodiscard]] page* next_dirty(std::uint64_t first, std::uint64_t last) const {
        for (auto it = f_.cache.lower_bound(first); it != f_.cache.end() && it->first < last; ++it)
            if (page* head = phys_.at(it->second.first); head->is(pg::dirty)) return head;
        return nullptr;
    }
    [[nodiscard]] bool is_cached(const page* head) const {
        const auto it = f_.cache.find(head_index_);
        return it != f_.cache.end() && it->second.first == phys_.number(head);
    }
    /// Requires: a reference. The file's lock is dropped on the way.
    void write(page* head) {
        for (;;) {  // the page lock is outside the file's
            lock_.unlock();
            lock_page(head);
            lock_.lock();
            if (!head->is(pg::writeback)) break;
            unlock_page(head);
            f_.written.wait(lock_, [&] { return !head->is(pg::writeback); });
        }
        if (!is_cached(head) || !clear_dirty_for_io(head)) return unlock_page(head);
        head->clear(pg::readahead);  // the end of I/O and the read-ahead mark are one bit
        if (!head->is(pg::buffers)) {
            ++done_.unprepared;
            if constexpr (P::unprepared_is_a_bug)
                phys_.warn.emit(warn_id::writeback_unprepared, head->count.refs());
            return unlock_page(head);
        }
        const std::uint64_t used = f_.size - (head_index_ << page_shift);
        if (used < page_size) phys_.data.fill(*head, phys_.number(head), 0, used);  // beyond the end nothing is kept
        head->set(pg::writeback);
        const bool maybe_pinned = static_cast<bool>(physical<P>::ops::maybe_pinned(head));
        const writeback_answer answer = P::writeback::on_writeback(*head, maybe_pinned);
        if (answer == writeback_answer::skip || answer == writeback_answer::stay_dirty) {
            head->set(pg::dirty);
            ++done_.kept_dirty;
        }
        if (answer != writeback_answer::skip) send(head, answer == writeback_answer::bounce);
        else unlock_page(head);
        head->clear(pg::writeback);
        f_.written.wake_all();
    }
    /// Returns: whether the page was dirty, by its own flag or by an entry's.
    [[nodiscard]] bool clear_dirty_for_io(page* head) {
        if (clean_entries<P>(f_, head_index_, phys_.number(head))) head->set(pg::dirty);
        return head->clear(pg::dirty);
    }
    /// The I/O. The page lock is given back, the file's is not held while it lasts.
    void send(page* head, bool bounce) {
        file::block data;
        read_page(phys_, head, data);
        const std::uint64_t sum = checksum(data);
        unlock_page(head);
        lock_.unlock();
        P::writeback::under_io(*head);
        if (!bounce) read_page(phys_, head, data);
        if (checksum(data) != sum) ++done_.torn;
        lock_.lock();
        if (!is_cached(head)) return;  // truncated meanwhile
        f_.blocks[head_index_] = data;
        ++done_.written;
    }
    /// What others are writing is waited for, too.
    void wait_for_others(std::uint64_t first, std::uint64_t last) {
        f_.written.wait(lock_, [&] {
            for (auto it = f_.cache.lower_bound(first); it != f_.cache.end() && it->first < last; ++it)
                if (phys_.at(it->second.first)->is(pg::writeback)) return false;
            return true;
        });
    }

    physical<P>& phys_;
    file& f_;
    std::unique_lock<mutex> lock_;
    written_back done_;
    std::uint64_t head_index_ = 0;
};

}  // namespace detail

/// Effects: dirty pages of [first, last) of a filesystem's file are written, and all writing in the range has ended.
/// Memory files have nothing to be written to. Requires: no page-table, page or file lock.
template <class P>
written_back write_back(physical<P>& phys, file& f, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0}) {
    if (f.kind != file_kind::ext4) return {};
    return detail::writeback<P>(phys, f).run(first, last);
}

}  // namespace pinfold::mm
