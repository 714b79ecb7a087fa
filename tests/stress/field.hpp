// SPDX-License-Identifier: BSL-1.0
// What the threads have in common: one machine, its files, and some tasks whose address spaces all of them use.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "history.hpp"

namespace stress {

using namespace mm::literals;
using mm::vaddr;

/// The mappings every task has, each at a place of its own. Nothing is cut off from the last two or moved there.
enum class region : unsigned char {
    huge, small, shared_memory, file_shared, file_private, huge_memory_file, hugetlb, hugetlb_file, dax, kept, buffer, count_,
};
inline constexpr unsigned regions = static_cast<unsigned>(region::count_), stirred_regions = static_cast<unsigned>(region::kept);

[[nodiscard]] constexpr vaddr base_of(region r) noexcept { return (vaddr{1} << 42) + static_cast<unsigned>(r) * 1_GiB; }
[[nodiscard]] constexpr std::uint64_t length_of(region r) noexcept {
    constexpr std::uint64_t lengths[regions] = {4_MiB, 1_MiB, 1_MiB, 256_KiB, 256_KiB, 4_MiB, 4_MiB, 6_MiB, 4_MiB, 2_MiB, 256_KiB};
    return lengths[static_cast<unsigned>(r)];
}
/// What is given back where a huge page is.
[[nodiscard]] constexpr std::uint64_t unit_of(region r) noexcept {
    return r == region::hugetlb || r == region::hugetlb_file ? 2_MiB : 4_KiB;
}

/// A task that all threads use. Who is in a call of it holds `life` shared; who ends it, alone.
template <class P>
struct common_task {
    std::shared_mutex life;
    mm::task<P>* task = nullptr;
};

template <class P>
class field {
public:
    static constexpr unsigned tasks = 2;
    static constexpr std::uint64_t pool_pages = 10;

    field() : box(sizes()) {
        box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
        box.phys().small_thp[4] = mm::thp_mode::always;
        (void)box.phys().huge_zero_page();  // stays for good once it is used: it counts as used from the start
        (void)box.pmem();
        free_at_first_ = box.free_pages();
        box.phys().ledger.each([&](mm::pfn n, const mm::shadow_ledger::holders&) { held_at_first_.insert(n.n); });
        ext4 = &box.create_file(mm::file_kind::ext4, length_of(region::file_shared), mm::fill::pattern);
        memory = &box.create_file(mm::file_kind::tmpfs_huge, length_of(region::huge_memory_file));
        hugetlb = &box.create_huge_file(length_of(region::hugetlb_file), mm::pmd_order);
        dax = &box.create_file(mm::file_kind::fsdax, length_of(region::dax));
        for (auto& c : common) c.task = &new_task();
    }

    [[nodiscard]] mm::task<P>& new_task() {
        auto& t = box.spawn();
        for (unsigned r = 0; r < regions; ++r) (void)remap(t, static_cast<region>(r));
        return t;
    }
    /// Effects: what is mapped there goes, and the region is as at first.
    [[nodiscard]] bool remap(mm::task<P>& t, region r) {
        mm::mapping m{.at = base_of(r), .replace = true, .huge = r == region::huge || r == region::kept};
        switch (r) {
            case region::shared_memory: case region::buffer: m.shared = true; break;
            case region::file_shared: m.shared = true; m.source = ext4; break;
            case region::file_private: m.source = ext4; break;
            case region::huge_memory_file: m.shared = true; m.huge = true; m.source = memory; break;
            case region::hugetlb: m.huge_order = mm::pmd_order; break;
            case region::hugetlb_file: m.shared = true; m.noreserve = true; m.source = hugetlb; break;
            case region::dax: m.shared = true; m.source = dax; break;
            default: break;
        }
        if (m.source) m.kind = mm::map_kind::file;
        return t.mmap(length_of(r), m).error == 0;
    }

    /// The units of every head against the histories, and what the machine says of itself. Requires: quiet.
    [[nodiscard]] std::vector<std::string> faults(const units& pins, const units& references) {
        std::vector<std::string> all = mm::audit(box);
        units ledger_pins, ledger_references;
        box.phys().ledger.each([&](mm::pfn n, const mm::shadow_ledger::holders& h) {
            if (h[mm::holder::pin] != 0) ledger_pins[n.n] = h[mm::holder::pin];
            if (h[mm::holder::get] != 0) ledger_references[n.n] = h[mm::holder::get];
            for (const auto passing : {mm::holder::hand_out, mm::holder::isolation, mm::holder::temporary})
                if (h[passing] < 0) all.push_back("frame " + std::to_string(n.n) + ": less than nothing of a passing holder");
        });
        compare(all, "pins", pins, ledger_pins);
        compare(all, "references", references, ledger_references);
        for (unsigned w = 0; w < static_cast<unsigned>(mm::warn_id::count_); ++w) {
            const auto id = static_cast<mm::warn_id>(w);
            if (box.warn().reported(id) && !is_expected(id)) all.push_back(std::string(mm::name_of(id)));
        }
        return all;
    }

    /// Effects: everything ends. Returns: what did not come back. Requires: nobody holds anything.
    [[nodiscard]] std::vector<std::string> leave() {
        for (auto& c : common) box.exit(*c.task);
        for (mm::file* f : {ext4, memory, hugetlb, dax}) {
            if (f != hugetlb && box.truncate(*f, 0) != 0) return {"a file that nobody maps is not cut"};
            box.close(*f);
        }
        box.drop_caches();
        std::vector<std::string> all = faults({}, {});
        if (box.counters().live() != 0) all.push_back("pins are live: " + std::to_string(box.counters().live()));
        const auto pool = box.phys().hugetlb.of(mm::pmd_order)->state();
        if (pool.free != static_cast<std::int64_t>(pool_pages) || pool.reserved != 0)
            all.push_back("huge pages in their pool: " + std::to_string(pool.free) + " free, " + std::to_string(pool.reserved) + " promised");
        const std::uint64_t free = box.free_pages();
        if (free != free_at_first_)
            all.push_back("free pages: " + std::to_string(free) + ", at first " + std::to_string(free_at_first_));
        box.phys().ledger.each([&](mm::pfn n, const mm::shadow_ledger::holders& h) {
            if (!held_at_first_.contains(n.n)) all.push_back("frame " + std::to_string(n.n) + " is left:" + text(h) + history_of(n));
        });
        return all;
    }

    mm::machine<P> box;
    mm::file *ext4 = nullptr, *memory = nullptr, *hugetlb = nullptr, *dax = nullptr;
    std::array<common_task<P>, tasks> common;

private:
    static mm::options sizes() {
        mm::options o;
        o.ram = 128_MiB;
        o.cma = 16_MiB;
        o.more_nodes.push_back({.ram = 0, .movable = 64_MiB});
        o.device_space = 32_MiB;
        o.pmem = 8_MiB;
        o.swap = 32_MiB;
        o.huge_pools = {{mm::pmd_order, pool_pages}};
        return o;
    }
    /// What this load is bound to meet: a pinned file page that is dirtied behind its filesystem's back (HAZ-WB).
    [[nodiscard]] static bool is_expected(mm::warn_id w) noexcept {
        return w == mm::warn_id::dirty_unprepared || w == mm::warn_id::writeback_unprepared;
    }
    /// Where a page that is left comes from.
    [[nodiscard]] std::string history_of(mm::pfn n) {
        auto* const p = box.phys().at(n);
        std::string s = " " + mm::state_of(box.phys(), p).flags + ", index " + std::to_string(p->index);
        if (p->is_anon()) return s + ", anonymous";
        const auto* f = p->template owner_as<mm::file>();
        if (!f) return s + ", of nobody";
        const auto* c = f->find(p->index);
        return s + ", of a file of kind " + std::to_string(static_cast<unsigned>(f->kind)) + (f->is_forsaken() ? ", forsaken" : "") +
               (c && c->second.first.n == n.n ? ", cached there" : ", not cached there");
    }
    /// Who holds it, by number.
    [[nodiscard]] static std::string text(const mm::shadow_ledger::holders& h) {
        std::string s;
        for (unsigned k = 0; k < static_cast<unsigned>(mm::holder::count_); ++k)
            if (h.by[k] != 0) s += " holder " + std::to_string(k) + " " + std::to_string(h.by[k]) + ",";
        return s;
    }
    static void compare(std::vector<std::string>& all, const char* what, const units& held, const units& ledger) {
        const auto differ = [&](std::uint64_t n, std::int64_t mine, std::int64_t its) {
            all.push_back("frame " + std::to_string(n) + ": " + std::to_string(mine) + " " + what + " are held, the ledger has " + std::to_string(its));
        };
        for (const auto& [n, k] : held)
            if (const auto it = ledger.find(n); it == ledger.end() || it->second != k) differ(n, k, it == ledger.end() ? 0 : it->second);
        for (const auto& [n, k] : ledger)
            if (!held.contains(n)) differ(n, 0, k);
    }

    std::uint64_t free_at_first_ = 0;
    std::set<std::uint64_t> held_at_first_;
};

}  // namespace stress
