// SPDX-License-Identifier: BSL-1.0
// The physical side of a machine: nodes, zones, frames and their contents, allocation and freeing, the zero page,
// and the one place through which every unit of every count is taken and given back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "contents.hpp"
#include "dev_pagemap.hpp"
#include "frame.hpp"
#include "gate.hpp"
#include "hugetlb_pool.hpp"
#include "ledger.hpp"
#include "lru.hpp"
#include "ksm_node.hpp"
#include "memmap.hpp"
#include "request.hpp"
#include "rmap.hpp"
#include "split_queue.hpp"
#include "stats.hpp"
#include "swap.hpp"
#include "warn.hpp"
#include "zone.hpp"

namespace pinfold::mm {

/// Sizes in bytes; multiples of 4 MiB (the largest buddy block).
struct node_size {
    std::uint64_t ram = 0;      ///< ordinary memory: DMA32 below 4 GiB, NORMAL above
    std::uint64_t movable = 0;  ///< ZONE_MOVABLE behind it
    std::uint64_t cma = 0;      ///< part of `ram` that only movable pages may use
};

enum class thp_mode : unsigned char { never, madvise, always, inherit };  ///< inherit: as for huge pages of a pmd
/// Huge folios of memory files that come from no mount of their own (memfd, shared anonymous memory); deny and force
/// speak of all memory files.
enum class shmem_thp_mode : unsigned char { never, advise, within_size, always, deny, force };

struct options {
    std::uint64_t ram = std::uint64_t{1} << 30;  ///< node 0
    std::uint64_t movable = 0;
    std::uint64_t cma = 0;
    std::vector<node_size> more_nodes;           ///< nodes 1, 2, …
    thp_mode thp = thp_mode::madvise;            ///< anonymous huge pages on fault
    bool use_huge_zero = true;                   ///< read faults may map the huge zero page
    std::vector<huge_pool_size> huge_pools;      ///< pages of the hugetlb pools at the start
    std::uint64_t swap = std::uint64_t{1} << 26;  ///< bytes of the swap area; 0: none
    std::uint64_t pmem = std::uint64_t{128} << 20;  ///< persistent memory under the DAX filesystem
    bool has_gate = true;                        ///< a page of the kernel's in every process (vsyscall)
    bool dax_sync = false;                       ///< MAP_SYNC is possible on it
    std::uint64_t device_space = std::uint64_t{1} << 34;  ///< frame numbers kept for device memory
};

template <class P>
class physical;
/// What becomes of a device page whose count came to rest: devmap.hpp.
template <class P>
void device_page_freed(physical<P>&, frame<P>* head);
template <class P>
void device_page_idle(physical<P>&, frame<P>* head);

template <class P>
class physical {
public:
    using page = frame<P>;
    using ops = pinfold::page_ops<page>;
    using memmap_type = typename P::memmap::template of<page>;
    static constexpr unsigned max_machines = 256;

    explicit physical(const options& o)
        : frames_(count_frames(o)), map(frames_), data(frames_), types(frames_), swap(o.swap), thp(o.thp), use_huge_zero(o.use_huge_zero), dax_sync(o.dax_sync),
          machine_(enlist(this)) {
        std::vector<node_size> nodes{{o.ram, o.movable, o.cma}};
        nodes.insert(nodes.end(), o.more_nodes.begin(), o.more_nodes.end());
        pfn at{first_frame};
        for (unsigned n = 0; n < nodes.size(); ++n) {
            const pfn ram_end = at + frames_of(nodes[n].ram);
            const pfn low{std::uint64_t{1} << 20};
            const pfn split = at < low ? (ram_end < low ? ram_end : low) : at;
            add_zone(zone_kind::dma32, n, at, split);
            zone<P>* top = add_zone(zone_kind::normal, n, split, ram_end);
            if (!top) top = zones_.empty() ? nullptr : zones_.back().get();
            if (nodes[n].cma) top->retype(ram_end - frames_of(nodes[n].cma), ram_end, migrate_type::cma);
            at = ram_end + frames_of(nodes[n].movable);
            add_zone(zone_kind::movable, n, ram_end, at);
        }
        device_first_ = at;
        nodes_ = static_cast<unsigned>(nodes.size());
        zero_ = alloc({.movable = false});
        if (!zero_) throw std::invalid_argument("pinfold: a machine needs memory");
        zero_->set(pg::zero);
        zero_->set(pg::reserved);
        if (page* p = o.has_gate ? alloc({.movable = false}) : nullptr) {
            p->set(pg::reserved);
            gate.open(number(p));
        }
        hugetlb.set_up(*this, o.huge_pools);
    }
    physical(const physical&) = delete;
    physical& operator=(const physical&) = delete;
    ~physical() {
        pagemaps.each([](const dev_pagemap<P>& m) {  // devices that were never removed
            if (!m.is_gone() && P::devices::is_managed(m.type)) frame_policy<P>::managed_devices::device_removed();
        });
        machines()[machine_] = nullptr;
    }

    // ---- frames ------------------------------------------------------------------------------------------
    [[nodiscard]] page* at(pfn n) const noexcept { return map.at(n); }
    [[nodiscard]] pfn number(const page* p) const noexcept { return map.number(p); }
    [[nodiscard]] page* nth(page* p, std::uint64_t k) const noexcept { return map.nth(p, k); }
    [[nodiscard]] static page* head(page* p) noexcept { return ops::head(p); }
    /// Returns: whether the folio of the page is anonymous. A tail has no owner of its own.
    [[nodiscard]] static bool is_anonymous(const page* p) noexcept { return head(const_cast<page*>(p))->is_anon(); }
    [[nodiscard]] std::uint64_t index_in_folio(page* p) const noexcept { return number(p) - number(head(p)); }
    [[nodiscard]] page* zero_page() const noexcept { return zero_; }
    [[nodiscard]] bool is_zero_page(const page* p) const noexcept { return p == zero_; }
    [[nodiscard]] static bool is_huge_zero(const page* head) noexcept { return head->is(pg::huge_zero); }
    /// Returns: the permanent huge zero folio, made at first use; null when memory is out.
    [[nodiscard]] page* huge_zero_page() {
        std::lock_guard guard(huge_zero_lock_);
        if (!huge_zero_) {
            huge_zero_ = alloc({.order = pmd_order, .movable = false});
            if (huge_zero_) huge_zero_->change(page::bit(pg::huge_zero) | page::bit(pg::reserved), 0);
        }
        return huge_zero_;
    }
    [[nodiscard]] unsigned nodes() const noexcept { return nodes_; }
    [[nodiscard]] unsigned machine() const noexcept { return machine_; }
    [[nodiscard]] pfn device_first() const noexcept { return device_first_; }
    [[nodiscard]] pfn device_end() const noexcept { return {frames_}; }
    [[nodiscard]] static physical& of(const page& head) noexcept { return *machines()[head.machine()]; }

    [[nodiscard]] std::uint64_t free_pages() {
        std::uint64_t n = 0;
        for (auto& z : zones_) n += z->free_pages();
        return n;
    }
    [[nodiscard]] std::uint64_t free_pages(unsigned node, zone_kind kind) {
        std::uint64_t n = 0;
        for (auto& z : zones_)
            if (z->identity() == page::identity(kind, node, machine_, 0)) n += z->free_pages();
        return n;
    }

    // ---- allocation --------------------------------------------------------------------------------------
    /// Returns: the head of a folio of 2^order frames with one reference (holder: hand-out), or null.
    [[nodiscard]] page* alloc(request r) {
        const bool lasting = pin_scope::active();
        const bool movable = r.movable && !(lasting && P::longterm_leaves_movable);
        const unsigned want = r.node < 0 ? 0 : static_cast<unsigned>(r.node);
        for (int pass = 0; pass < (r.exact ? 1 : 2); ++pass)  // the preferred node first, then the others
            for (auto z = zones_.rbegin(); z != zones_.rend(); ++z) {
                const bool there = static_cast<unsigned>((*z)->identity() >> page::node_shift & 15) == want;
                if (there != (pass == 0)) continue;
                if (!movable && is_movable_zone(**z)) continue;
                const auto type = movable ? migrate_type::movable : migrate_type::unmovable;
                page* f = r.cma ? (*z)->take_only(r.order, migrate_type::cma) : (*z)->take(r.order, type, !lasting);
                if (f) return prepare(f, r, (*z)->identity());
            }
        return nullptr;
    }

    /// What the release policy calls when a folio's count reached zero: the caller alone owns it now. It neither
    /// counts nor decides. Device folios stay with their device.
    void free_folio(page* head) {
        if (head->zone() == zone_kind::device) return device_page_freed(*this, head);
        const unsigned order = head->order();
        if (head->is(pg::buddy)) {
            warn.emit(warn_id::double_free, 0);
            return;
        }
        if (!check_free(head)) return;  // quarantined: never handed out again
        ledger.forget(number(head));
        partly_mapped.forget(head);
        if (head->is(pg::hwpoison) && !head->is(pg::hugetlb)) return;  // as is failed memory
        if (head->is(pg::hugetlb)) return hugetlb.give(head);
        if (order != 0)
            for (std::uint64_t k = 1; k < (std::uint64_t{1} << order); ++k) reset(nth(head, k));
        reset(head);
        zone_of(number(head)).give(head, order);
    }

    /// Returns: 2^order frames in a row, free until now, for a hugetlb pool, of any order, or null. Never CMA memory.
    [[nodiscard]] page* take_block(unsigned order, const request& where) {
        const bool movable = where.movable && !(pin_scope::active() && P::longterm_leaves_movable);
        for (auto z = zones_.rbegin(); z != zones_.rend(); ++z) {
            if ((is_movable_zone(**z) && !movable) || !is_on(**z, where)) continue;
            page* f = order > max_order ? (*z)->take_contiguous(order)
                                        : (*z)->take(order, movable ? migrate_type::movable : migrate_type::unmovable, false);
            if (f) return f;
        }
        return nullptr;
    }
    /// Returns: whether the frame is where an allocation like `where` would look first.
    [[nodiscard]] bool suits(const page* f, const request& where) {
        const zone<P>& z = zone_of(number(f));
        return is_on(z, where) && (!is_movable_zone(z) || (where.movable && !(pin_scope::active() && P::longterm_leaves_movable)));
    }
    /// Effects: these frames, taken out of the free lists, are pages of order 0 with one reference each (holder: hand-out).
    void adopt(pfn first, pfn last) {
        for (pfn n = first; n < last; n = n + 1) (void)prepare(at(n), {}, zone_of(n).identity());
    }
    /// Effects: calls visit(zone&) for each zone of memory, from the lowest address on.
    template <class Visit>
    void each_zone(Visit visit) {
        for (auto& z : zones_) visit(*z);
    }
    /// Effects: gives such a block back to the buddy.
    void give_block(page* block, unsigned order) {
        const pfn first = number(block);
        const unsigned piece = order < max_order ? order : max_order;
        for (std::uint64_t k = 0; k < (std::uint64_t{1} << order); k += std::uint64_t{1} << piece)
            zone_of(first).give(at(first + k), piece);
    }

    // ---- units -------------------------------------------------------------------------------------------
    /// Returns: whether a reference was got of a frame that was met by its number: it may be free, and nobody may have
    /// touched its descriptor yet.
    [[nodiscard]] bool try_get_met(page* f) noexcept { return head(f)->count.raw() != 0 && ops::try_get(f); }
    /// Effects: n references for `h`. Requires: evidence that the head is live (a reference, a lock).
    void hold(page* head, holder h, std::uint64_t n = 1) {
        head->count.get(n);
        if constexpr (P::ledger::enabled) ledger.add(number(head), h, static_cast<std::int64_t>(n));
    }
    /// Effects: gives n references of `h` back; the last one frees.
    void drop(page* head, holder h, std::uint64_t n = 1) {
        if constexpr (P::ledger::enabled) ledger.add(number(head), h, -static_cast<std::int64_t>(n));
        ops::put(head, n);
    }
    /// Effects: the same units now belong to somebody else.
    void pass(page* head, holder from, holder to, std::uint64_t n = 1) {
        if constexpr (P::ledger::enabled) {
            ledger.add(number(head), from, -static_cast<std::int64_t>(n));
            ledger.add(number(head), to, static_cast<std::int64_t>(n));
        }
    }
    void note(page* head, holder h, std::int64_t n) {
        if constexpr (P::ledger::enabled) ledger.add(number(head), h, n);
    }

    void lru_add(page* head) { lru_.add(*this, head); }
    void lru_drain() { lru_.drain(*this); }
    void lru_drain_all() { lru_.drain_all(*this); }

    [[nodiscard]] zone<P>& zone_of(pfn n) noexcept {
        for (auto& z : zones_)
            if (z->holds(n)) return *z;
        return *zones_.front();
    }
    /// Effects: calls visit(page*) for every frame that is in use, and for the first frame of each free block.
    template <class Visit>
    void each_frame(Visit visit) {
        for (auto& z : zones_)
            for (pfn n = z->first(); n < z->frontier();) {
                page* f = at(n);
                n = n + (f->is(pg::buddy) ? f->pages() : 1);
                visit(f);
            }
        pagemaps.each([&](const dev_pagemap<P>& m) {
            for (pfn n = m.first; n < m.last; n = n + 1) visit(at(n));
        });
    }

    static constexpr std::uint64_t first_frame = max_block;  // frame 0 is never memory

private:
    const std::uint64_t frames_;

public:
    memmap_type map;
    contents<P> data;
    block_types types;
    pin_statistics stats;
    word64 uncounted_pins;  ///< pins folio_add_pin made without counting them (NR-3): the drift of the statistics
    warnings warn;
    typename P::ledger ledger;
    pagemap_list<P> pagemaps;
    wait_queue page_idle;   ///< who waits for a device page to become idle
    anon_rmap_pool rmaps;
    gate_area gate;
    ksm_spaces mergeable;
    split_queue<P> partly_mapped;
    swap_area swap;
    thp_mode thp;
    std::array<thp_mode, pmd_order> small_thp{};  ///< by order: anonymous folios of less than a pmd
    shmem_thp_mode shmem_thp = shmem_thp_mode::never;
    bool use_huge_zero;
    bool dax_sync;
    hugetlb_pools<P, physical> hugetlb;

private:
    static std::uint64_t frames_of(std::uint64_t bytes) noexcept {
        return align_up(bytes, max_block * page_size) >> page_shift;
    }
    static std::uint64_t count_frames(const options& o) {
        std::uint64_t n = first_frame + frames_of(o.ram) + frames_of(o.movable) + frames_of(o.device_space);
        for (const node_size& s : o.more_nodes) n += frames_of(s.ram) + frames_of(s.movable);
        return n;
    }
    /// Whether the zone is on the node an exact request names; others take any.
    static bool is_on(const zone<P>& z, const request& where) noexcept {
        const int node = static_cast<int>(z.identity() >> page::node_shift & 15);
        return !where.exact || node == (where.node < 0 ? 0 : where.node);
    }
    static bool is_movable_zone(const zone<P>& z) noexcept {
        return static_cast<zone_kind>(z.identity() >> page::zone_shift & 7) == zone_kind::movable;
    }
    zone<P>* add_zone(zone_kind kind, unsigned node, pfn first, pfn last) {
        if (first >= last) return nullptr;
        zones_.push_back(std::make_unique<zone<P>>());
        zones_.back()->set_up(kind, node, machine_, first, last, map, types);
        return zones_.back().get();
    }

    page* prepare(page* f, const request& r, std::int64_t identity) {
        const std::uint64_t n = std::uint64_t{1} << r.order;
        const std::int64_t kept = page::bit(pg::written);
        f->be_born_dead();  // first: from its tails on others find it
        for (std::uint64_t k = 1; k < n; ++k) {
            page* t = nth(f, k);
            t->be_born_dead();
            t->flags.store(identity | (t->flags.load() & kept));
            ++t->generation;
            if (r.zeroed) data.zero(*t, number(t));
            ++t->generation;
            frame_policy<P>::head::make_tail(*t, *f);
        }
        f->flags.store(identity | r.order | (n > 1 ? page::bit(pg::large) : 0) | (f->flags.load() & kept));
        if (r.zeroed) data.zero(*f, number(f));
        ++f->generation;
        note(f, holder::hand_out, 1);
        f->count.init(1);  // last: whoever sees it live sees the layout (spec 02 §1)
        return f;
    }

    bool check_free(page* head) {
        bool bad = head->mapcount.load() != 0 || head->entire.load() != 0 || head->large.load() != 0;
        if constexpr (requires { head->count.pins(); }) bad = bad || (counts_pins_exactly(*head) && head->count.pins() != 0);
        for (std::uint64_t k = 1; k < head->pages(); ++k) {
            page* t = nth(head, k);
            bad = bad || t->count.refs() != 0 || t->mapcount.load() != 0;  // INV-6
        }
        if (!bad) return true;
        head->set(pg::bad);
        warn.emit(warn_id::bad_page, static_cast<std::int64_t>(number(head).n));
        return false;
    }
    void reset(page* f) {
        f->mapping.store(0);
        f->index = 0;
        f->private_ = 0;
        f->link.store(0);
        if constexpr (P::poisons_freed)
            if (f->is(pg::written)) data.fill(*f, number(f), 0x6b);
    }

    static std::array<physical*, max_machines>& machines() noexcept {
        static std::array<physical*, max_machines> all{};
        return all;
    }
    static unsigned enlist(physical* self) {
        static mutex lock;
        std::lock_guard guard(lock);
        auto& all = machines();
        for (unsigned i = 0; i < max_machines; ++i)
            if (!all[i]) {
                all[i] = self;
                return i;
            }
        throw std::length_error("pinfold: too many machines at once");
    }

    unsigned machine_;
    unsigned nodes_ = 1;
    pfn device_first_;
    std::vector<std::unique_ptr<zone<P>>> zones_;
    lru_batches<P, physical> lru_;
    page* zero_ = nullptr;
    page* huge_zero_ = nullptr;
    mutex huge_zero_lock_;
};

/// How the frames of the MM use page/: see each alias. Source: spec 01 §11.
template <class P>
struct frame_policy : pinfold::page_defaults<&frame<P>::count> {
    static void give_back(frame<P>& head) noexcept { physical<P>::of(head).free_folio(&head); }
    static void wake(frame<P>& head) noexcept { device_page_idle(physical<P>::of(head), &head); }
    /// page_is_devmap_managed, asked only while such a device exists.
    static bool is_managed(const frame<P>& head) noexcept {
        return head.zone() == zone_kind::device && P::devices::is_managed(head.device());
    }
    using managed_devices = pinfold::device_switch<frame_policy<P>>;
    static void mark_dirty(frame<P>& head) noexcept { head.set(pg::dirty); }
    struct per_node {
        static void acquired(const frame<P>& head, std::uint64_t n) noexcept {
            physical<P>::of(head).stats.acquired(head.node(), n);
        }
        static void released(const frame<P>& head, std::uint64_t n) noexcept {
            physical<P>::of(head).stats.released(head.node(), n);
        }
    };
    struct zero_page_exempt {
        static bool of(const frame<P>& p) noexcept { return P::zero_page_exempt && p.is(pg::zero); }
    };

    using head = pinfold::tagged_head<&frame<P>::link>;
    /// Where no device page idles at 1 there is nothing to watch for, and the count need not be exact up there.
    template <bool AnyManaged, class = void>
    struct releases {
        using type = pinfold::free_at_zero<&give_back>;
    };
    template <class Unused>
    struct releases<true, Unused> {
        using type = pinfold::by_kind<managed_devices, &is_managed,
                                      pinfold::on_release<pinfold::idle_at_one<&wake>, pinfold::free_at_zero<&give_back>>,
                                      pinfold::free_at_zero<&give_back>>;
    };
    using release = typename releases<manages_any<typename P::devices>()>::type;
    using statistics = per_node;
    using exempt = zero_page_exempt;
    using dirtying = pinfold::dirty_with<&mark_dirty>;
};

}  // namespace pinfold::mm

#include "devmap.hpp"
