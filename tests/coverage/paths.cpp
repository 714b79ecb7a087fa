// SPDX-License-Identifier: BSL-1.0
// The matrix of spec 04 Part C: every path, slow and fast, in both profiles, each cell driven with every flag, at
// three sub-pages, granted and refused. Prints how often each was taken; an empty cell is a failure.
#include <map>

#include "matrix.hpp"

namespace {

using namespace coverage;

/// The machines: the product's profiles, with a ledger that knows who holds each unit.
struct in_2019 : mm::foll_pin_2019 {
    using ledger = mm::shadow_ledger;
};
struct in_6_12 : mm::linux_6_12 {
    using ledger = mm::shadow_ledger;
};
/// An architecture of 2019 that answers for one address by itself.
struct own_answer {
    static constexpr bool enabled = true;
    static inline vaddr from = 0, to = 0;
    static inline void* first = nullptr;
    template <class P>
    static mm::frame<P>* page_at(mm::physical<P>& phys, vaddr a, bool) noexcept {
        return a >= from && a < to ? phys.nth(static_cast<mm::frame<P>*>(first), (a - from) / mm::page_size) : nullptr;
    }
};
struct with_own_answer : in_2019 {
    using huge_addr = own_answer;
};

// ---- scenes ------------------------------------------------------------------------------------------------

template <class P>
using scene_ptr = std::unique_ptr<scene<P>>;

template <class P>
scene_ptr<P> machine_with(std::uint64_t ram, std::uint64_t devices = 16_MiB, std::vector<mm::huge_pool_size> pools = {}) {
    mm::options o;
    o.ram = ram;
    o.device_space = devices;
    o.huge_pools = std::move(pools);
    return std::make_unique<scene<P>>(o);
}
/// Effects: `len` bytes are mapped and written, or only read; the scene is about them.
template <class P>
scene_ptr<P> mapped(scene_ptr<P> s, std::uint64_t len, const mm::mapping& m, bool write = true) {
    s->base = *s->task.mmap(len, m);
    s->pages = len / mm::page_size;
    for (std::uint64_t k = 0; k < s->pages; ++k) (void)s->task.touch(s->base + k * mm::page_size, write);
    s->first = s->task.inspect(s->base).page.page;
    return s;
}

/// Three base pages, in a row by themselves: a fresh machine hands out neighbours.
template <class P>
scene_ptr<P> base_pages() {
    return mapped<P>(machine_with<P>(16_MiB), 3 * mm::page_size, {});
}
/// One zero page each time.
template <class P>
scene_ptr<P> zero_page() {
    return mapped<P>(machine_with<P>(16_MiB), mm::page_size, {}, false);
}
template <class P>
scene_ptr<P> raw_memory() {
    auto s = machine_with<P>(16_MiB);
    s->base = *s->task.mmap(3 * mm::page_size, {.kind = mm::map_kind::mixedmap});
    s->pages = 3;
    const mm::pfn n = s->box.device_frames(3);
    for (std::uint64_t k = 0; k < 3; ++k) (void)s->task.insert_pfn(s->base + k * mm::page_size, n + k);
    return s;
}
template <class P>
scene_ptr<P> huge_page() {
    return mapped<P>(machine_with<P>(16_MiB), mm::pmd_size, {.huge = true});
}
template <class P, unsigned Flag>
scene_ptr<P> huge_page_to_split() {
    auto s = huge_page<P>();
    s->extra = Flag;
    return s;
}
/// 2^Order pages of a device, mapped by one entry of that size (order 0: three of them).
template <class P, unsigned Order>
scene_ptr<P> device_pages() {
    auto s = machine_with<P>(16_MiB, Order == 18 ? 2_GiB : 16_MiB);
    const std::uint64_t len = (Order == 0 ? 3 : 1) * (mm::page_size << Order);
    mm::mapping m;
    m.shared = true;
    m.source = &s->box.create_device_file(len, Order);
    m.at = vaddr{1} << 40;
    s->base = *s->task.mmap(len, m);
    s->pages = len / mm::page_size;
    for (std::uint64_t k = 0; k < (Order == 0 ? s->pages : 1); ++k) (void)s->task.touch(s->base + k * mm::page_size, true);
    s->first = s->task.inspect(s->base).page.page;
    return s;
}
template <class P, unsigned Order>
scene_ptr<P> hugetlb_page() {
    auto s = machine_with<P>(Order == 18 ? 2_GiB + 64_MiB : 64_MiB, 16_MiB, {{Order, 1}});
    s->base = *s->task.mmap(mm::page_size << Order, {.huge_order = Order});
    s->pages = std::uint64_t{1} << Order;
    (void)s->task.touch(s->base, true);
    s->first = s->task.inspect(s->base).page.page;
    return s;
}
/// A pgd entry spans more than any pool has: put by hand over the one huge page there is.
template <class P>
scene_ptr<P> pgd_entry() {
    auto s = hugetlb_page<P, mm::pmd_order>();
    s->base = 512_GiB * 3;
    s->own = std::make_unique<mm::vma>();
    s->own->kind = mm::vma_kind::hugetlb;
    s->own->huge_order = 27;
    s->own->start = s->base;
    s->own->end = 512_GiB * 4;
    auto& tables = s->task.mm().tables;
    s->by_hand = tables.slot_in(tables.root(), mm::level::pgd, s->base).slot;
    s->by_hand->set(mm::entry::leaf(s->box.phys().number(s->first), mm::entry::bit(mm::eb::writable)));
    return s;
}
scene_ptr<with_own_answer> architecture() {
    auto s = base_pages<with_own_answer>();
    own_answer::from = s->base;
    own_answer::to = s->base + 3 * mm::page_size;
    own_answer::first = s->first;
    return s;
}
template <class P>
scene_ptr<P> gate() {
    auto s = machine_with<P>(16_MiB);
    s->base = mm::gate_area::start;
    s->first = s->box.phys().at(s->box.phys().gate.slot.read().number());
    return s;
}

// ---- the cells ---------------------------------------------------------------------------------------------

/// The lockless walk says nothing of why it stopped, and no flag is GET; its public entry refuses both together.
behaviour lockless(path_id path, bool modern) {
    behaviour b{path};
    b.refused = nothing;
    b.implies_get = true;
    b.both_site = modern ? warn_id::api_get_pin : warn_id::api_get_at_pin;
    return b;
}
/// A lookup that counts under the lock of the entry.
behaviour locked(path_id path, warn_id both, int refused, warn_id refused_site = warn_id::count_) {
    behaviour b{path};
    b.both_site = both;
    b.refused = refused;
    b.refused_site = refused_site;
    return b;
}
behaviour with(behaviour b, int without) {
    b.without = without;
    return b;
}

/// What both profiles have.
template <class P>
std::vector<cell<P>> common() {
    constexpr bool modern = std::is_base_of_v<mm::linux_6_12, P>;
    constexpr column slow = modern ? slow_6_12 : slow_2019, fast = modern ? fast_6_12 : fast_2019;
    constexpr path_id thp = modern ? path_id::fp_huge_pmd : path_id::fp_pmd_trans_huge;
    constexpr int huge_refused = modern ? err::enomem : err::efault;
    const auto only_2019 = [](warn_id w) { return modern ? warn_id::count_ : w; };

    behaviour raw = locked(path_id::fp_pfn, warn_id::pte_get_pin, err::enomem);
    raw.without = err::eexist;
    raw.counted = modern ? err::eexist : err::efault;
    behaviour split = locked(modern ? path_id::fp_split_pmd : path_id::fp_split, warn_id::pte_get_pin, err::enomem);
    split.splits = split.temporary = !modern;
    split.entries_more = modern ? 511 : 0;

    return {
        {"FP-PTE", slow, locked(path_id::fp_pte, warn_id::pte_get_pin, err::enomem), base_pages<P>, look<P>},
        {"FP-PTE", fast, lockless(path_id::fast_pte, modern), base_pages<P>, walk<P>},
        {"FP-PTE-DEVMAP", slow, with(locked(path_id::fp_pte_devmap, warn_id::pte_get_pin, err::enomem), err::eexist),
         device_pages<P, 0>, look<P>},
        {"FP-PTE-DEVMAP", fast, lockless(path_id::fast_pte, modern), device_pages<P, 0>, walk<P>},
        {"FP-ZERO", slow, locked(path_id::fp_zero, warn_id::pte_get_pin, err::enomem), zero_page<P>, look<P>},
        {"FP-PFN", slow, raw, raw_memory<P>, look<P>},
        {"FP-PMD-TRANS-HUGE", slow,
         locked(thp, warn_id::huge_pmd_get_pin, huge_refused, only_2019(warn_id::pmd_trans_huge_grab)), huge_page<P>, look<P>},
        {"FP-PMD-TRANS-HUGE", fast, lockless(path_id::fast_pmd, modern), huge_page<P>, walk<P>},
        {"FP-SPLIT", slow, split, huge_page_to_split<P, modern ? foll::split_pmd : foll::split>, look<P>},
        {"FP-DEVMAP-PMD", slow,
         with(locked(path_id::fp_devmap_pmd, warn_id::devmap_pmd_get_pin, huge_refused, only_2019(warn_id::devmap_pmd_grab)),
              err::eexist),
         device_pages<P, 9>, look<P>},
        {"FP-DEVMAP-PMD", fast, lockless(path_id::fast_devmap, modern), device_pages<P, 9>, walk<P>},
        {"FP-DEVMAP-PUD", slow,
         with(locked(path_id::fp_devmap_pud, warn_id::devmap_pud_get_pin, huge_refused, only_2019(warn_id::devmap_pud_grab)),
              err::eexist),
         device_pages<P, 18>, look<P>},
        {"FP-DEVMAP-PUD", fast, lockless(path_id::fast_devmap, modern), device_pages<P, 18>, walk<P>},
        {"FP-HUGE-PMD", slow,
         locked(path_id::fp_huge_pmd, warn_id::huge_pmd_get_pin, huge_refused, only_2019(warn_id::huge_pmd_grab)),
         hugetlb_page<P, 9>, look<P>},
        {"FP-HUGE-PMD", fast, lockless(path_id::fast_pmd, modern), hugetlb_page<P, 9>, walk<P>},
        {"FP-HUGE-PUD", fast, lockless(path_id::fast_pud, modern), hugetlb_page<P, 18>, walk<P>},
        {"FP-HUGE-PGD", fast, lockless(path_id::fast_pgd, modern), pgd_entry<P>, walk<P>},
        {"FP-GATE", slow, locked(path_id::fp_gate, warn_id::grab_both, err::enomem), gate<P>, pass<P>},
    };
}

/// What only the patch of 2019 has; hooks without a lock give their page to who counts nothing, and nobody else.
std::vector<cell<in_2019>> old_paths() {
    using P = in_2019;
    behaviour pud{path_id::fp_huge_pud}, pgd{path_id::fp_huge_pgd};
    pud.counted = pud.both = pgd.counted = pgd.both = nothing;
    return {
        {"FP-HUGETLB-RANGE", slow_2019,
         locked(path_id::fp_hugetlb_range, warn_id::grab_both, err::enomem, warn_id::hugetlb_range_grab), hugetlb_page<P, 9>,
         pass<P>},
        {"FP-HUGE-PUD", slow_2019, pud, hugetlb_page<P, 18>, look<P>},
        {"FP-HUGE-PGD", slow_2019, pgd, pgd_entry<P>, look<P>},
        {"FP-HUGE-PD", slow_2019,
         locked(path_id::fp_huge_pd, warn_id::huge_pmd_get_pin, err::efault, warn_id::huge_pd_grab), hugetlb_page<P, 12>, look<P>},
        {"FP-HUGE-PD", fast_2019, lockless(path_id::fast_huge_pd, false), hugetlb_page<P, 12>, walk<P>},
    };
}
std::vector<cell<with_own_answer>> architecture_path() {
    behaviour own{path_id::fp_huge_addr};
    own.counted = own.both = err::efault;
    own.both_site = own.counted_site = warn_id::huge_addr_get_pin;
    return {{"FP-HUGE-ADDR", slow_2019, own, architecture, look<with_own_answer>}};
}
std::vector<cell<in_6_12>> new_paths() {
    return {{"FP-HUGE-PUD", slow_6_12, locked(path_id::fp_huge_pud, warn_id::huge_pmd_get_pin, err::enomem),
             hugetlb_page<in_6_12, 18>, look<in_6_12>}};
}

// ---- the matrix --------------------------------------------------------------------------------------------

/// Spec 04 Part C: which cells there are.
struct row {
    const char* id;
    bool has[columns];
};
constexpr row part_c[] = {
    {"FP-PTE", {true, true, true, true}},
    {"FP-PTE-DEVMAP", {true, true, true, true}},
    {"FP-ZERO", {true, false, true, false}},
    {"FP-PFN", {true, false, true, false}},
    {"FP-PMD-TRANS-HUGE", {true, true, true, true}},
    {"FP-SPLIT", {true, false, true, false}},
    {"FP-DEVMAP-PMD", {true, true, true, true}},
    {"FP-DEVMAP-PUD", {true, true, true, true}},
    {"FP-HUGETLB-RANGE", {true, false, false, false}},
    {"FP-HUGE-PMD", {true, true, true, true}},
    {"FP-HUGE-PUD", {true, true, true, true}},
    {"FP-HUGE-PGD", {true, true, false, true}},
    {"FP-HUGE-PD", {true, true, false, false}},
    {"FP-HUGE-ADDR", {true, false, false, false}},
    {"FP-GATE", {true, false, true, false}},
};

class matrix {
public:
    template <class P>
    void add(const std::vector<cell<P>>& cells) {
        for (const cell<P>& c : cells) taken_[c.row][c.at] += drive(c, out);
    }
    /// Effects: prints it. Returns: whether every cell that must be there was taken, and no other.
    bool print() {
        bool complete = true;
        std::printf("%-20s", "times taken");
        for (const char* name : column_names) std::printf("%12s", name);
        std::printf("\n");
        for (const row& r : part_c) {
            std::printf("%-20s", r.id);
            for (int c = 0; c < columns; ++c) {
                const std::uint64_t n = taken_[r.id][c];
                if (n == 0 && !r.has[c]) std::printf("%12s", "-");
                else std::printf("%11llu%c", static_cast<unsigned long long>(n), (n != 0) == r.has[c] ? ' ' : '!');
                complete = complete && (n != 0) == r.has[c];
            }
            std::printf("\n");
        }
        return complete;
    }

    findings out;

private:
    struct counts {
        std::uint64_t by[columns] = {};
        std::uint64_t& operator[](int c) { return by[c]; }
    };
    std::map<std::string, counts> taken_;
};

/// What is special stops the lockless walk before it counts: the cells of the matrix that are not there.
template <class P>
void stays_out(findings& out) {
    for (const auto& s : {zero_page<P>(), raw_memory<P>()}) {
        const std::int64_t before = s->first ? s->first->count.refs() : 0;
        for (const unsigned flag : {foll::get, foll::pin}) {
            mm::gup_trace trace;
            const bool found = walk<P>(*s, s->base, flag, trace).page != nullptr;
            out.expect(!found && trace.events.empty(), P::name, "a special entry was followed without a lock");
        }
        out.expect(!s->first || s->first->count.refs() == before, P::name, "a special entry was counted");
    }
}

}  // namespace

int main() {
    matrix m;
    m.add(common<in_2019>());
    m.add(old_paths());
    m.add(architecture_path());
    m.add(common<in_6_12>());
    m.add(new_paths());
    stays_out<in_2019>(m.out);
    stays_out<in_6_12>(m.out);
    const bool complete = m.print();
    std::printf("%llu checks, %llu failed%s\n", static_cast<unsigned long long>(m.out.checks),
                static_cast<unsigned long long>(m.out.failures), complete ? "" : "; a cell is empty (!)");
    return complete && m.out.failures == 0 ? 0 : 1;
}
