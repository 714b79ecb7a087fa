// SPDX-License-Identifier: BSL-1.0
// A model whose answers are plain from the region: what ask() does with answers can be counted by hand.
#pragma once

#include <map>

#include "model.hpp"

/// Grants reads of what is readable and writes of what is writable; a write to the zero page takes a fault.
class fake_model : public pinscope::model {
public:
    void build(const pinscope::region& r) override {
        built[r.begin] = &r;
        ++builds;
    }
    void tear_down(const pinscope::region& r) override { built.erase(r.begin); }
    pinscope::pin_result pin(pinscope::question q, pinscope::u64 first, pinscope::u64 pages) override {
        const auto& r = *std::prev(built.upper_bound(first * pinscope::page_size))->second;
        pinscope::pin_result result;
        if (q.write ? !r.write : !r.read) {
            result.error = 14;
            result.rule = q.write ? "the mapping is not writable" : "the mapping is not readable";
            result.everywhere = true;
            return result;
        }
        result.pinned = pages;
        result.units = 1024 * pages;
        result.paths = {{q.fast ? "PTE/F" : "FP-PTE", pages}};
        for (const auto& run : r.runs)
            if (run.first <= first && first < run.first + run.pages)
                result.changed = !pinscope::is_present(run.what) || (q.write && run.what == pinscope::presence::zero);
        acquired += pages;
        held += pages;
        return result;
    }
    void unpin() override {
        released += held;
        held = 0;
    }
    void discard(const pinscope::region&, pinscope::u64, pinscope::u64) override { ++discards; }
    pinscope::u64 count_words(const pinscope::region& r) override { return r.present_pages() + 1024 * held + leak; }
    void read_counters(pinscope::balance& b) override {
        b.acquired = acquired;
        b.released = released;
    }

    std::map<pinscope::u64, const pinscope::region*> built;
    pinscope::u64 acquired = 0, released = 0, held = 0, leak = 0;
    int builds = 0, discards = 0;
};
