// SPDX-License-Identifier: BSL-1.0
// The invariant checker: at quiescence, every count against the ledger, every mapcount against the page tables,
// the statistics against the live pins. Source: spec 00 §3, spec 07 §20.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "machine.hpp"

namespace pinfold::mm {

namespace detail {

/// What the page tables say about one frame.
struct seen_mappings {
    std::int32_t ptes = 0;
    std::int32_t huge = 0;
};

template <class P>
class auditor {
public:
    explicit auditor(machine<P>& box) : box_(box), phys_(box.phys()) {}

    [[nodiscard]] std::vector<std::string> run() {
        phys_.lru_drain_all();
        box_.each_task([this](task<P>& t) { count_entries(t.mm()); });
        phys_.each_frame([this](frame<P>* f) {
            if (says_something(f)) check_frame(f);
        });
        check_silent_frames();
        if (live_pins_ != phys_.stats.total().live() + phys_.uncounted_pins.load())
            fault("INV-3", pfn{0}, "pins in the ledger", live_pins_, "in the statistics", phys_.stats.total().live());
        return std::move(faults_);
    }

private:
    void fault(const char* inv, pfn n, const char* a, std::int64_t x, const char* b, std::int64_t y) {
        faults_.push_back(std::string(inv) + " frame " + std::to_string(n.n) + ": " + a + " " + std::to_string(x) +
                          ", " + b + " " + std::to_string(y));
    }

    /// Most frames are held and mapped by nobody: asking must not remember them.
    template <class Value>
    static Value found(const std::unordered_map<std::uint64_t, Value>& in, pfn n) {
        const auto it = in.find(n.n);
        return it == in.end() ? Value{} : it->second;
    }

    static bool says_something(const frame<P>* f) noexcept {
        return f->count.refs() != 0 || f->mapcount.load() != 0 || f->entire.load() != 0 || f->large.load() != 0;
    }
    /// What frames of which nobody speaks are to others: in a page table, or in the ledger.
    void check_silent_frames() {
        std::unordered_set<std::uint64_t> spoken_of;
        const auto note = [&](pfn n) {
            if (!says_something(phys_.at(n))) spoken_of.insert(n.n);
        };
        for (const auto& [n, s] : seen_) note(pfn{n});
        for (const auto& [n, entries] : entries_) note(pfn{n});
        if constexpr (P::ledger::enabled) phys_.ledger.each([&](pfn n, const auto&) { note(n); });
        for (const std::uint64_t n : spoken_of) check_frame(phys_.at(pfn{n}));
    }

    void count_entries(space<P>& mm) {
        mm.tables.each_entry([&](level l, vaddr, entry e) {
            const bool on_device = e.kind() == entry_kind::device_private;
            const frame<P>* page = on_device ? phys_.at(e.number()) : normal_page(phys_, e);
            if (!page || phys_.is_huge_zero(page)) return;
            if (l == level::pte) ++seen_[e.number().n].ptes;
            else ++seen_[e.number().n].huge;
            ++entries_[phys_.number(phys_.head(const_cast<frame<P>*>(page))).n];
        });
    }

    void check_frame(frame<P>* f) {
        const pfn n = phys_.number(f);
        const seen_mappings s = found(seen_, n);
        if (f->is(pg::locked)) fault("page lock", n, "of a frame nobody works on", 1, "must be", 0);
        if (f->mapcount.load() != s.ptes) fault("INV-2", n, "mapcount", f->mapcount.load(), "ptes", s.ptes);
        if (f->is_tail()) {
            if (f->count.refs() != 0) fault("INV-6", n, "count of a tail", f->count.refs(), "must be", 0);
            return;
        }
        if (f->is(pg::buddy)) {
            if (f->count.refs() != 0) fault("INV-5", n, "count of a free block", f->count.refs(), "must be", 0);
            return;
        }
        if (f->is(pg::large)) {
            if (f->entire.load() != s.huge) fault("INV-2", n, "entire mapcount", f->entire.load(), "entries", s.huge);
            const auto all = static_cast<std::int32_t>(found(entries_, n));
            if (f->large.load() != all) fault("INV-2", n, "large mapcount", f->large.load(), "entries", all);
        }
        if constexpr (P::ledger::enabled) check_count(f, n);
    }

    void check_count(frame<P>* f, pfn n) {
        const auto h = phys_.ledger.of(n);
        const std::int64_t pins = h[holder::pin];
        live_pins_ += pins;
        const auto due = static_cast<std::int32_t>(h.plain() + pins * pin_unit(*f));  // modular, as the word is
        if (f->count.refs() != due) fault("INV-2", n, "count", f->count.refs(), "held", due);
        if constexpr (requires { f->count.pins(); })
            if (counts_pins_exactly(*f) && f->count.pins() != pins) fault("INV-2", n, "pincount", f->count.pins(), "pins", pins);
        if (const std::int64_t entries = found(entries_, n); h[holder::entry] != entries)
            fault("INV-2", n, "references of entries", h[holder::entry], "entries", entries);
    }

    machine<P>& box_;
    physical<P>& phys_;
    std::unordered_map<std::uint64_t, seen_mappings> seen_;
    std::unordered_map<std::uint64_t, std::int64_t> entries_;
    std::int64_t live_pins_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace detail

/// Returns: one line per violated invariant; empty when all hold. Requires: quiescence. Without a shadow ledger
/// only what the page tables can tell is checked. Complexity: the frames ever used.
template <class P>
[[nodiscard]] std::vector<std::string> audit(machine<P>& box) {
    return detail::auditor<P>(box).run();
}

}  // namespace pinfold::mm
