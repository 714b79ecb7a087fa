// SPDX-License-Identifier: BSL-1.0
// A machine with device memory, and what its tests ask it.
#pragma once

#include <thread>

#include "box.hpp"

namespace mmt {

/// linux_6_12 with the counting of later versions: DAX pages are counted like memory.
struct checked_zero_based : checked_6_12 {
    using devices = mm::zero_based;
};

inline mm::options with_devices() {
    mm::options o = small();
    o.device_space = 64_MiB;
    o.pmem = 8_MiB;
    return o;
}

template <class P>
struct device_world : world<P> {
    explicit device_world(const mm::options& o = with_devices()) : world<P>(o) {}

    mm::physical<P>& phys() { return this->box.phys(); }
    mm::file& dax_file(std::uint64_t n, mm::fill how = mm::fill::pattern) {
        return this->box.create_file(mm::file_kind::fsdax, n * mm::page_size, how);
    }
    vaddr map_file(mm::file& f, bool shared = true, unsigned prot = mm::prot::rw) {
        mm::mapping m;
        m.source = &f;
        m.shared = shared;
        m.prot = prot;
        m.at = next_;
        next_ += 1_GiB;
        return this->map(f.size, m);
    }
    /// A page of a pagemap somebody made, by number.
    frame<P>* page(const mm::made_pagemap<P>& map, std::uint64_t k) { return phys().at(map->first + k); }
    bool warned(mm::warn_id w) { return this->box.warn().reported(w); }

    /// Runs `call` on a thread of its own until it waits for a page to become idle; release() then has to let it end.
    template <class Call, class Release>
    auto while_it_waits(Call call, Release release) {
        decltype(call()) result{};
        std::thread other([&] { result = call(); });
        while (phys().page_idle.empty()) std::this_thread::yield();
        release();
        other.join();
        return result;
    }

private:
    vaddr next_ = vaddr{1} << 40;
};

/// What a page nobody uses counts: the device's own reference, or none.
template <class P>
constexpr int idle(mm::device_type t) {
    return P::devices::baseline(t);
}

}  // namespace mmt

#define ALL_DEVICE_RULES(name, tag) \
    TEMPLATE_TEST_CASE(name, tag, mmt::checked_2019, mmt::checked_6_12, mmt::checked_zero_based)
