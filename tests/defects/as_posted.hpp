// SPDX-License-Identifier: BSL-1.0
// The defects of spec 08, each one step of the product's own walks put back into the form it was posted in. One
// profile for each base carries them all and does what the product does until a test switches one on, so that the
// walks are compiled once and not once for each defect.
#pragma once

#include "../mm/hugetlb_box.hpp"
#include "../mm/device_box.hpp"

namespace mmt {

enum class def : unsigned char {
    none, d01, d02, d03, d04, d05, d07, d08, d09, d10, d11, d12, d13, d14, d15, d21, m2, m4, m5, m6,
};

/// Puts a value into a switch of the profiles for a scope.
template <class T>
class during {
public:
    during(T& place, T value) : place_(place), before_(std::exchange(place, value)) {}
    during(const during&) = delete;
    during& operator=(const during&) = delete;
    ~during() { place_ = before_; }

private:
    T& place_;
    T before_;
};

struct posted : mm::right_steps {
    static inline def on = def::none;
    static inline int nulls_followed = 0;

    static unsigned grab_flags(mm::path_id p, unsigned flags) noexcept {
        if (on == def::d08 && p == mm::path_id::fp_huge_pd) return flags & ~foll::pin;
        if (on == def::d10 && p == mm::path_id::fp_gate && (flags & foll::pin) != 0) return (flags & ~foll::pin) | foll::get;
        return flags;
    }
    static std::uint64_t leaf_units(std::uint64_t slots, unsigned flags) noexcept {
        return (on == def::d03 || on == def::d04) && (flags & foll::pin) != 0 ? 1 : slots;
    }
    template <class Phys, class Page>
    static bool head_is_still(const Phys& phys, Page* page, const Page* head) noexcept {
        return on == def::d14 || mm::right_steps::head_is_still(phys, page, head);
    }
    template <class Page>
    static Page* head_of_slot(Page* page, Page* head) noexcept {
        return on == def::d02 ? page : head;
    }
    template <class Phys, class Page>
    static int take_rest(Phys& phys, Page* page, std::uint64_t n, unsigned flags) {
        return on == def::m4 ? -err::enomem : mm::right_steps::take_rest(phys, page, n, flags);
    }
    template <class Slot, class Entry>
    static bool table_is_still(const Slot& upper, Entry seen) noexcept {
        return on == def::d15 || mm::right_steps::table_is_still(upper, seen);
    }
    static bool inaccessible_ends_walk() noexcept { return on != def::m6; }

    template <class Phys, class Page>
    static void undo_pte(Phys& phys, Page* page, unsigned flags) {
        if (on == def::d01) Phys::ops::put(page);
        else mm::right_steps::undo_pte(phys, page, flags);
    }
    template <class Phys, class Page>
    static void undo_leaf(Phys& phys, Page* first, Page* head, std::uint64_t slots, unsigned flags) {
        if (on != def::d04) return mm::right_steps::undo_leaf(phys, first, head, slots, flags);
        head->count.get();
        first->count.set_raw(first->count.raw() - static_cast<std::int32_t>(slots));  // the passed descriptor's own word
        Phys::ops::put(head);
    }
    template <class Phys, class Page>
    static void device_refused(Phys& phys, Page* page) noexcept {
        if (on != def::d12) return;
        page->set(mm::pg::referenced);                // marked before the grab
        (void)phys.pagemaps.get(phys.number(page));  // the reference nobody drops
    }
    template <class Phys, class Page>
    static void give_back_longterm(Phys& phys, Page* page, unsigned flags) {
        if (on == def::d13) Phys::ops::put(page);
        else mm::right_steps::give_back_longterm(phys, page, flags);
    }
    template <class Phys, class Page>
    static void unpin(Phys& phys, Page* page, std::uint64_t n) noexcept {
        if (on != def::d11) return mm::right_steps::unpin(phys, page, n);
        const unsigned node = phys.head(page)->node();
        Phys::ops::put(page, n * 1024);
        phys.stats.released(node, n);  // the frame may be somebody else's by now
    }
    template <class Phys, class Page>
    static bool same_run(const Phys& phys, Page* next, const Page* head) noexcept {
        if (on == def::m5 && !next) {
            ++nulls_followed;  // its head would be asked for
            return false;
        }
        return mm::right_steps::same_run(phys, next, head);
    }

    template <class P>
    static mm::lookup<P> huge_addr_answer(frame<P>* page, bool counted) noexcept {
        return on == def::d05 ? mm::lookup<P>{} : mm::right_steps::huge_addr_answer<P>(page, counted);
    }
    static bool empty_slot_ends_call() noexcept { return on != def::d07; }
    static bool slots_are_counted(bool array, unsigned flags) noexcept {
        return on == def::d09 || mm::right_steps::slots_are_counted(array, flags);
    }
};

/// The architecture's answer for addresses; also the place where a test can end a call that never ends by itself.
struct asked_architecture {
    static constexpr bool enabled = true;
    static inline std::uint64_t owned = 0;          ///< the address of its own page; 0: none
    static inline void* page = nullptr;
    static inline std::uint64_t lookups = 0;
    static inline std::uint64_t give_up_after = 0;  ///< 0: never
    static inline std::function<void()> give_up;

    template <class P>
    static frame<P>* page_at(mm::physical<P>&, std::uint64_t a, bool) {
        if (++lookups == give_up_after && give_up) give_up();
        return owned != 0 && a == owned ? static_cast<frame<P>*>(page) : nullptr;
    }
    static void forget() {
        owned = lookups = give_up_after = 0;
        page = nullptr;
        give_up = nullptr;
    }
};

/// Refuses one folio.
struct guarded_memory {
    static inline const void* sealed = nullptr;

    template <class Page>
    static int make_accessible(Page& head) noexcept {
        return &head == sealed ? -err::eacces : 0;
    }
};

/// Sections with holes between them; as posted, the descriptor pointer is stepped over them.
struct stepped_memmap {
    template <class Frame>
    class of : public mm::sectioned_memmap::of<Frame> {
    public:
        using mm::sectioned_memmap::of<Frame>::of;
        [[nodiscard]] Frame* nth(Frame* f, std::uint64_t k) const noexcept {
            return posted::on == def::d21 ? f + k : mm::sectioned_memmap::of<Frame>::nth(f, k);
        }
    };
};

template <class Profile>
struct as_posted : Profile {
    using ledger = mm::shadow_ledger;
    using races = hooked;
    using steps = posted;
    using huge_addr = asked_architecture;
    using folio_access = guarded_memory;
    using memmap = stepped_memmap;
};
struct as_posted_2019 : as_posted<mm::foll_pin_2019> {
    static inline int refused_huge = err::efault;
    static inline bool pfn_refuses_in_place = true;
};
struct as_posted_6_12 : as_posted<mm::linux_6_12> {
    static inline int refused_huge = err::enomem;
    static inline bool zero_page_exempt = true;
    static inline long bad_pin_result = 0;
};

/// The fast part alone, into w.pages.
template <class P>
std::uint64_t fast(world<P>& w, vaddr a, std::uint64_t n, unsigned flags) {
    w.pages.assign(n, nullptr);
    return mm::fast_part(w.t.mm(), a, a + n * mm::page_size, flags, w.pages.data(), nullptr);
}

/// A written page.
template <class P>
vaddr written(world<P>& w) {
    const vaddr a = w.map(mm::page_size);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    return a;
}

/// One pass of the slow loop, as populate and others call it.
template <class P>
long pass(world<P>& w, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages = nullptr) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::slow_pass<P>(w.t.mm(), a, n, flags, {pages, nullptr, nullptr}, nullptr);
}

template <class P>
mm::lookup<P> look(world<P>& w, vaddr a, unsigned flags) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::follow_page_mask(w.t.mm(), *w.t.mm().find(a), a, flags);
}

/// Ends a call that goes on asking: after a thousand lookups a fatal signal comes.
template <class P>
class patience {
public:
    explicit patience(world<P>& w) : w_(w) {
        asked_architecture::forget();
        asked_architecture::give_up_after = 1000;
        asked_architecture::give_up = [&w] { w.t.set_fatal_signal(true); };
    }
    patience(const patience&) = delete;
    patience& operator=(const patience&) = delete;
    ~patience() {
        w_.t.set_fatal_signal(false);
        asked_architecture::forget();
    }
    [[nodiscard]] static bool lost() { return asked_architecture::lookups >= 1000; }

private:
    world<P>& w_;
};

/// Broken preconditions that were reported in a scope.
class violations {
public:
    violations() : before_(pinfold::set_violation_handler([](const char*, const char*, int) noexcept { ++seen; })) {
        seen = 0;
    }
    violations(const violations&) = delete;
    violations& operator=(const violations&) = delete;
    ~violations() { pinfold::set_violation_handler(before_); }
    static inline int seen = 0;
    /// Assertions are compiled in.
    static constexpr bool checked = PINFOLD_CHECKS != 0;

private:
    pinfold::violation_handler before_;
};

}  // namespace mmt

#define AS_POSTED(name, tag) TEMPLATE_TEST_CASE(name, tag, mmt::as_posted_2019, mmt::as_posted_6_12)
