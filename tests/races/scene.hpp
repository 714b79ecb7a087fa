// SPDX-License-Identifier: BSL-1.0
// One race, set up: a mapping of some shape, a lockless walk over four of its pages, and another actor who acts at one
// point of the walk. Deterministic: the actor is called from the race policy of the walk itself. Source: spec 05 §6.
#pragma once

#include "../mm/device_box.hpp"

namespace mmt {

/// Calls one actor at the n-th pass of one race point, and counts what the walk passes.
struct director {
    static constexpr auto points = static_cast<std::size_t>(mm::race_point::count_);
    static inline std::array<int, points> passed{};
    static inline int acts_at = -1;
    static inline int passes_left = 0;
    static inline bool acted = false;
    static inline std::function<void()> actor;
    static inline std::function<void()> ends;  ///< before the slow path: what only a walk may meet is over

    static void at(mm::race_point p) {
        if (inside) return;  // what an actor does is not the walk
        if (p == mm::race_point::before_fallback && ends) ends();
        ++passed[static_cast<std::size_t>(p)];
        if (acts_at != static_cast<int>(p) || acted || --passes_left != 0) return;
        acted = inside = true;
        actor();
        inside = false;
    }
    static void arm(mm::race_point p, int pass, std::function<void()> what) {
        passed = {};
        passes_left = pass;
        acts_at = static_cast<int>(p);
        acted = false;
        actor = std::move(what);
    }
    static void disarm() {
        acts_at = -1;
        actor = ends = nullptr;
    }

private:
    static inline bool inside = false;
};

struct raced_2019 : mm::foll_pin_2019 {
    using ledger = mm::shadow_ledger;
    using races = director;
    static constexpr bool poisons_freed = true;
};
struct raced_6_12 : mm::linux_6_12 {
    using ledger = mm::shadow_ledger;
    using races = director;
    static constexpr bool poisons_freed = true;
};

/// What the walk walks over.
enum class shape : unsigned { pte, pmd, part, shared, file, dax_pte, dax_pmd, hugetlb, hugepd, pud, count_ };
inline constexpr const char* shape_names[] = {"pte",     "pmd",     "pte of THP",  "pte after fork", "memfd pte",
                                              "DAX pte", "DAX pmd", "hugetlb pmd", "hugetlb hugepd", "hugetlb pud"};
constexpr unsigned bit(shape s) { return 1U << static_cast<unsigned>(s); }
/// How many entries the walk reads up to the leaf: RP-1 is passed at each level.
constexpr int levels(shape s) {
    if (s == shape::pud) return 2;
    return s == shape::pmd || s == shape::dax_pmd || s == shape::hugetlb || s == shape::hugepd ? 3 : 4;
}
inline constexpr unsigned huge_memory = bit(shape::pmd) | bit(shape::part);
inline constexpr unsigned anonymous = bit(shape::pte) | huge_memory | bit(shape::shared);
inline constexpr unsigned dax = bit(shape::dax_pte) | bit(shape::dax_pmd);
inline constexpr unsigned hugetlb = bit(shape::hugetlb) | bit(shape::hugepd);
inline constexpr unsigned gigantic = bit(shape::pud);  ///< each page a quarter of a million frames: few races
inline constexpr unsigned memory = anonymous | bit(shape::file);

/// Pages of the size that hangs in hugepd tables: no level of the tables has it.
inline constexpr unsigned hugepd_order = 12;
constexpr unsigned order_of(shape s) {
    return s == shape::pud ? mm::pud_order : s == shape::hugepd ? hugepd_order : mm::pmd_order;
}
template <class P>
constexpr bool exists(shape s) {
    return s != shape::hugepd || P::has_hugepd;
}

inline mm::options small_machine(shape s) {
    mm::options o;
    o.ram = 16_MiB;
    if ((bit(s) & (hugetlb | gigantic)) != 0) {
        const std::uint64_t pages = s == shape::pud ? 1 : 2;
        o.ram += (pages + 1) * (mm::page_size << order_of(s));
        o.huge_pools = {{order_of(s), pages}};
    }
    o.device_space = 16_MiB;
    o.pmem = 4_MiB;
    return o;
}

/// The mapping, the pages that are there before, and what an actor leaves to be cleaned up.
template <class P>
struct scene {
    static constexpr std::uint64_t n = 4;
    static constexpr vaddr base = vaddr{1} << 44;

    shape is;
    world<P> w{small_machine(is)};
    vaddr a = base;
    std::uint64_t length = 2_MiB;
    std::array<frame<P>*, n> old{};
    std::array<std::uint32_t, n> generations{};  ///< a frame that was handed out again is another page
    mm::file* file = nullptr;
    mm::dev_pagemap<P>* device = nullptr;
    std::int64_t device_references = 0;
    mm::task<P>* child = nullptr;
    std::vector<frame<P>*> reused;
    frame<P>* frozen = nullptr;
    std::int32_t frozen_at = 0;
    std::int64_t tables = 0;  ///< before they were unhooked; 0: they were not
    bool waits = false;       ///< the actor would have to wait for the walker's pages

    explicit scene(shape s) : is(s) {
        if (s == shape::file || (bit(s) & dax) != 0) {
            const std::uint64_t pages = s == shape::dax_pmd ? 512 : n;
            file = &w.box.create_file(s == shape::file ? mm::file_kind::memfd : mm::file_kind::fsdax, pages * mm::page_size,
                                      mm::fill::pattern);
            length = pages * mm::page_size;
        }
        mm::mapping m;
        m.at = base;
        m.source = file;
        m.shared = file != nullptr;
        m.huge = (bit(s) & huge_memory) != 0;
        if ((bit(s) & (hugetlb | gigantic)) != 0) {
            m.huge_order = order_of(s);
            length = mm::page_size << m.huge_order;
        }
        REQUIRE(w.map(length, m) == base);
        const unsigned at_pmd = huge_memory | bit(shape::dax_pmd) | bit(shape::hugetlb);
        if ((bit(s) & (at_pmd | hugetlb | gigantic)) != 0) a = base + 3 * mm::page_size;
        for (std::uint64_t k = 0; k < n; ++k)
            REQUIRE(w.t.store(at(k), static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
        if ((bit(s) & (bit(shape::hugepd) | bit(shape::pud))) == 0)
            REQUIRE(w.t.inspect(a).at == ((bit(s) & at_pmd) != 0 ? mm::level::pmd : mm::level::pte));
        if (s == shape::part) w.split_entry(base);
        if (s == shape::shared) fork();
        for (std::uint64_t k = 0; k < n; ++k) {
            old[k] = w.page_at(at(k));
            generations[k] = old[k]->generation;
        }
        if ((bit(s) & dax) != 0) {
            device = phys().pagemaps.find(phys().number(old[0]));
            device_references = device->references();
        }
    }

    [[nodiscard]] vaddr at(std::uint64_t k) const { return a + k * mm::page_size; }
    mm::physical<P>& phys() { return w.box.phys(); }
    frame<P>* head() { return phys().head(old[0]); }
    void fork() {
        const auto r = w.box.fork(w.t);
        REQUIRE(r.error == 0);
        child = *r;
    }
    /// Effects: the last page asked for has no entry any more: the fast part ends before it.
    void open_a_hole() {
        REQUIRE(w.t.madvise(at(n - 1), mm::page_size, mm::advice::dontneed) == 0);
        old[n - 1] = nullptr;
    }
    void thaw() {
        if (frozen) frozen->count.unfreeze(frozen_at);
        frozen = nullptr;
    }
    /// Effects: whatever an actor still has is given back.
    void clean_up() {
        for (frame<P>* p : reused) phys().drop(p, mm::holder::hand_out);
        reused.clear();
        if (child) w.box.exit(*child);
        child = nullptr;
    }
};

}  // namespace mmt
