// SPDX-License-Identifier: BSL-1.0
// What blocks of pages are made of: frames that are pages of their own in memory, looked at many at a time, and one unit on
// each.
#pragma once

#include <cstdint>

#include "physical.hpp"
#include "walk_row.hpp"

namespace pinfold::mm::detail {

/// What flags say of frames, one or many: their bits, gathered.
template <class P>
struct kinds {
    using page = frame<P>;
    std::int64_t any = 0, all = -1;

    /// Whether one of them may be something else than memory that is counted page by page. Device is the one zone of four
    /// with both bits; of many frames they may come from two zones, and who wants to be sure asks each.
    [[nodiscard]] PINFOLD_DETAIL_HOT bool odd() const noexcept {
        return (carried() & strange) != 0;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool of_device() const noexcept { return (any & device) == device; }
    /// The same of one frame, which may also be one that nobody has marked referenced yet.
    [[nodiscard]] PINFOLD_DETAIL_HOT bool odd_or_new() const noexcept {
        return ((carried() ^ page::bit(pg::referenced)) & (strange | page::bit(pg::referenced))) != 0;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool one_is_new() const noexcept { return (all & page::bit(pg::referenced)) == 0; }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool of_one_node() const noexcept {
        return ((any ^ all) & (std::int64_t{15} << page::node_shift)) == 0;
    }

private:
    static_assert(static_cast<unsigned>(zone_kind::device) == 3 && zone_kinds == 4);
    static constexpr std::int64_t device = std::int64_t{3} << page::zone_shift;
    /// With one more zone: both bits of a device's carry into the third.
    [[nodiscard]] PINFOLD_DETAIL_HOT std::int64_t carried() const noexcept {
        return any + (std::int64_t{1} << page::zone_shift);
    }
    static constexpr std::int64_t strange =
        (std::int64_t{zone_kinds} << page::zone_shift) | page::bit(pg::large) | page::bit(pg::zero);
};

/// Flags and owners of many frames, gathered: of those that are held, who know what they are. Two words at a time (Wide).
template <class P, bool Wide>
class looks {
public:
    using page = frame<P>;

    PINFOLD_DETAIL_HOT void add(const page* p) noexcept {
        if constexpr (Wide) {
            static_assert(sizeof(word64) == 8 && sizeof(frame<P>) == 64);
            const two_words v = read_two(&p->flags);  // and mapping, which stands behind it
            any_ |= v;
            all_ &= v;
        } else {
            const auto f = static_cast<std::uint64_t>(p->flags.load()), m = static_cast<std::uint64_t>(p->mapping.load());
            any_[0] |= f;
            all_[0] &= f;
            any_[1] |= m;
            all_[1] &= m;
        }
    }
    /// The same where instructions take words from memory: each read twice. What changes in between is not asked about.
    PINFOLD_DETAIL_HOT void add_by_two_reads(const page* p) noexcept
        requires Wide
    {
        any_ |= read_two(&p->flags);
        all_ &= read_two(&p->flags);
#if defined(__x86_64__)
        __asm__("" : "+x"(any_), "+x"(all_));  // one after the other: sums of sums would need more registers
#endif
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT kinds<P> flags() const noexcept {
        return {static_cast<std::int64_t>(any_[0]), static_cast<std::int64_t>(all_[0])};
    }
    /// Bits that one owner has, that every owner has.
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t any_owner() const noexcept { return any_[1]; }
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t all_owners() const noexcept { return all_[1]; }

private:
    two_words any_ = {0, 0}, all_ = {~std::uint64_t{0}, ~std::uint64_t{0}};
};

/// Whether the frame may be something else than a page of its own in memory, counted by itself.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool is_odd(const frame<P>* p) noexcept {
    const std::int64_t f = p->flags.load();
    return kinds<P>{f, f}.odd() || (p->link.load_acquire() & 1) != 0;
}

/// Pins that stand and are not in the statistics yet: as many as possible at once.
template <class P, bool Pin>
class pin_tally {
public:
    explicit pin_tally(physical<P>& phys) noexcept : phys_(phys) {}
    pin_tally(const pin_tally&) = delete;
    pin_tally& operator=(const pin_tally&) = delete;
    ~pin_tally() { flush(); }

    /// Effects: counts n pins on the node that the flags of a frame name.
    PINFOLD_DETAIL_HOT void add(std::int64_t flags, std::uint64_t n) {
        if constexpr (Pin) {
            const auto node = static_cast<unsigned>(flags >> frame<P>::node_shift & 15);
            if (node != node_) [[unlikely]]
                flush();
            node_ = node;
            n_ += n;
        } else {
            (void)flags, (void)n;
        }
    }
    void flush() {
        if (n_ != 0) phys_.stats.acquired(node_, n_);
        n_ = 0;
    }

private:
    physical<P>& phys_;
    std::uint64_t n_ = 0;
    unsigned node_ = 0;
};

/// What a refused grab gives back.
template <class P>
struct give_back {
    frame<P>* head;
    template <class Count>
    PINFOLD_DETAIL_HOT crossing operator()(Count& c, typename Count::units_type units) const noexcept {
        pinfold::detail::dropper<typename physical<P>::ops::policy::release>::drop(head, c, units);
        return crossing::none;
    }
};

/// Units of a head: pins or references. exact: whether its pins are counted exactly, which whoever asks has found out.
template <class P, bool Pin>
struct units_of_head {
    using page = frame<P>;
    using ops = typename physical<P>::ops;
    static constexpr holder kind = Pin ? holder::pin : holder::get;

    [[nodiscard]] PINFOLD_DETAIL_HOT static bool grab(page* head, std::uint64_t n = 1, bool exact = false) noexcept {
        if constexpr (Pin) return static_cast<bool>(head->count.try_pin(n, exact, give_back<P>{head}));
        else return static_cast<bool>(head->count.try_get(n, give_back<P>{head}));
    }
    /// Effects: the inverse, also where the frame is something else by now. Statistics are the caller's.
    PINFOLD_DETAIL_HOT static void drop(page* head, std::uint64_t n = 1, bool exact = false) noexcept {
        if constexpr (Pin) (void)give_back<P>{head}(head->count, head->count.release_pin_part(n, exact));
        else (void)give_back<P>{head}(head->count, ops::count_type::units(n));
    }
    /// Effects: the same for one unit of a page of memory, which is its own head.
    PINFOLD_DETAIL_HOT static void drop_memory(page* head) noexcept {
        using to = pinfold::detail::dropper<typename pinfold::detail::ordinary_of<typename ops::policy::release>::type>;
        if constexpr (Pin) to::drop(head, head->count, head->count.release_pin_part(1, false));
        else to::put(head, head->count, 1);
    }
};
/// One unit of a page that is its own head.
template <class P, bool Pin>
using single = units_of_head<P, Pin>;

}  // namespace pinfold::mm::detail
