// SPDX-License-Identifier: BSL-1.0
// Moving a folio to another place: isolate, replace its entries by migration entries, check that nobody else holds
// it, copy, point the entries to the new place. Source: spec 07 §11 B6.
#pragma once

#include <cstdint>
#include <mutex>

#include "error.hpp"
#include "isolate.hpp"
#include "ksm_node.hpp"
#include "migrate_entries.hpp"
#include "page_lock.hpp"
#include "race_point.hpp"

namespace pinfold::mm {

/// sync waits for locks and for writeback; async gives up.
enum class migrate_mode : unsigned char { async, sync };

namespace detail {

/// Effects: the slots of `from` are cached in `to` from now on. Requires: the page lock of `from`.
template <class P>
void move_swap_cache(physical<P>& phys, frame<P>* from, frame<P>* to) {
    const std::uint64_t n = from->pages();
    to->private_ = from->private_;
    to->set(pg::swapcache);
    phys.hold(to, holder::swap_cache, n);
    phys.swap.move_cached(to->private_, n, phys.number(to));
    from->private_ = 0;
    from->clear(pg::swapcache);
    phys.drop(from, holder::swap_cache, n);  // the isolation keeps it
}

/// The move of one isolated, locked folio to a fresh place of the same size.
template <class P>
class mover {
public:
    using page = frame<P>;

    mover(physical<P>& phys, page* from, page* to) : phys_(phys), from_(from), to_(to) {
        if (!from->is_anon()) file_ = from->template owner_as<file>();
    }

    /// Returns: 0, -EAGAIN: somebody else holds it, or -EBUSY: its owner does not let it move. It then stays as it was,
    /// but for the dirtiness of its entries, which the folio has now (NR-7).
    [[nodiscard]] int run() {
        int error = unmap_for_migration(phys_, from_) ? 0 : -err::eagain;
        P::races::at(race_point::unmapped);
        if (error == 0) error = move();
        P::races::at(race_point::moved);
        restore_entries(phys_, from_, from_, error == 0 ? to_ : from_);
        if (error == 0 && file_) from_->set_owner(nullptr, owner::none_or_file);
        if (error == 0 && from_->is_ksm()) from_->set_owner(nullptr, owner::ksm);  // who found it by its node looks again
        return error;
    }

private:
    [[nodiscard]] int move() {
        if (file_ && file_->kind == file_kind::secret) return -err::ebusy;
        std::unique_lock<mutex> cache;
        if (file_) cache = std::unique_lock(file_->lock);
        if (file_ && from_->template owner_as<file>() != file_) return -err::eagain;  // truncated meanwhile
        if (folio_mapcount(from_) != 0) return -err::eagain;  // faults map cached pages under the file's lock alone
        const std::int64_t expected = unmapped_count(from_) + 1;  // + the isolation: a mapping that begins or ends now is too many
        if (from_->count.refs() != expected) return -err::eagain;
        if (file_ && !from_->count.freeze(static_cast<std::int32_t>(expected))) return -err::eagain;
        copy();
        if (from_->is(pg::swapcache)) move_swap_cache(phys_, from_, to_);
        if (from_->is_ksm())
            if (auto* node = from_->template owner_as<ksm_node>())
                node->where.store(static_cast<std::int64_t>(phys_.number(to_).n));
        if (file_) move_cache(expected);
        return 0;
    }
    void copy() {
        constexpr std::int64_t kept = page::bit(pg::dirty) | page::bit(pg::uptodate) | page::bit(pg::swapbacked) |
                                      page::bit(pg::mlocked) | page::bit(pg::referenced) | page::bit(pg::buffers) |
                                      page::bit(pg::readahead) | page::bit(pg::restore_reserve);
        for (std::uint64_t k = 0; k < from_->pages(); ++k) {
            page* a = phys_.nth(from_, k);
            page* b = phys_.nth(to_, k);
            phys_.data.copy(*b, phys_.number(b), *a, phys_.number(a));
        }
        to_->index = from_->index;
        to_->mapping.publish(from_->mapping.load());
        to_->change(from_->flags.load() & kept, 0);
        from_->clear(pg::restore_reserve);
    }
    /// The new page takes over the cache's units and the buffers. Requires: the file's lock, `from` frozen.
    void move_cache(std::int64_t expected) {
        const std::uint64_t cached = cache_units(from_);
        const bool buffers = from_->is(pg::buffers);
        phys_.hold(to_, holder::page_cache, cached);
        if (buffers) phys_.hold(to_, holder::buffers);
        phys_.note(from_, holder::page_cache, -static_cast<std::int64_t>(cached));
        if (buffers) phys_.note(from_, holder::buffers, -1);
        file_->cache[from_->index].first = phys_.number(to_);
        from_->count.unfreeze(static_cast<std::int32_t>(expected - static_cast<std::int64_t>(cached + (buffers ? 1U : 0U))));
        from_->change(0, page::bit(pg::buffers) | page::bit(pg::dirty));
    }

    physical<P>& phys_;
    page* from_;
    page* to_;
    file* file_ = nullptr;
};

/// Returns: a place for a folio like `head`, one reference (holder: hand-out); null when there is none.
template <class P>
[[nodiscard]] frame<P>* destination_for(physical<P>& phys, const frame<P>* head, request where) {
    where.order = head->order();
    return head->is(pg::hugetlb) ? phys.hugetlb.of(where.order)->take_to_move(where) : phys.alloc(where);
}

}  // namespace detail

/// Effects: moves an isolated folio to `fresh`, which is locked from before anybody can find it until every entry is
/// back: who takes it out of its file waits, and unmaps it then. What is left of the old one is freed. `fresh` (holder: hand-out) is
/// consumed. Returns: 0, -EAGAIN or -EBUSY; the folio is still isolated then.
template <class P>
[[nodiscard]] int move_folio(physical<P>& phys, frame<P>* head, frame<P>* fresh, migrate_mode mode) {
    int error = -err::eagain;
    const bool may_wait = mode == migrate_mode::sync;
    if (may_wait) lock_page(head);
    if (may_wait || try_lock_page(head)) {
        for (unsigned spins = 0; may_wait && head->is(pg::writeback); relax(spins)) {
        }
        if (!head->is(pg::writeback)) {
            const page_lock_guard<P> hidden(fresh);
            error = detail::mover<P>(phys, head, fresh).run();
        }
        unlock_page(head);
    }
    if (error == 0) {
        if (head->is(pg::hugetlb)) phys.hugetlb.of(head->order())->moved(head, fresh);
        else fresh->set(pg::lru);
    }
    phys.drop(fresh, holder::hand_out);
    if (error == 0) phys.drop(head, holder::isolation);
    return error;
}

/// Effects: one attempt to move an isolated folio to a place as `where` says; its isolation ends either way.
/// Returns: 0, -EAGAIN (somebody else holds it, or it is pinned), -EBUSY, -ENOMEM; the folio then stays as it was.
template <class P>
[[nodiscard]] int migrate_folio(physical<P>& phys, frame<P>* head, const request& where,
                                migrate_mode mode = migrate_mode::sync) {
    frame<P>* fresh = detail::destination_for(phys, head, where);
    const int error = fresh ? move_folio(phys, head, fresh, mode) : -err::enomem;
    if (error != 0) put_back(phys, head);
    return error;
}

}  // namespace pinfold::mm
