// SPDX-License-Identifier: BSL-1.0
// Every way gup takes to device memory: FP-PTE-DEVMAP, FP-DEVMAP-PMD, FP-DEVMAP-PUD, DEVMAP/F; granted, refused by
// an overflowed count, by a dying device, by flags. Source: spec 03 §7, spec 04, spec 05.
#include "device_box.hpp"

namespace device_paths_tests {

using namespace mmt;

namespace {

/// A mapping of 2^order pages of a device, present.
template <class P>
struct device_mapping {
    device_world<P> w;
    mm::file& f;
    vaddr a;

    explicit device_mapping(unsigned order) : w(options_for(order)), f(w.box.create_device_file(4096ULL << order, order)), a(w.map_file(f)) {
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    }
    static mm::options options_for(unsigned order) {
        mm::options o = with_devices();
        if (order == 18) o.device_space = 2_GiB;
        return o;
    }
    mm::dev_pagemap<P>& device() { return *w.phys().pagemaps.find(f.dax->device_first); }
};

template <class P>
mm::lookup<P> look(device_world<P>& w, vaddr a, unsigned flags, mm::gup_trace& trace) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::follow_page_mask(w.t.mm(), *w.t.mm().find(a), a, flags, &trace);
}

const char* path_name(unsigned order) {
    return order == 18 ? "FP-DEVMAP-PUD" : order == 9 ? "FP-DEVMAP-PMD" : "FP-PTE-DEVMAP";
}

}  // namespace

BOTH_PROFILES("device entries are followed at every level, first, middle and last page", "[device-paths]") {
    for (const unsigned order : {0U, 9U, 18U}) {
        device_mapping<TestType> m(order);
        const std::int64_t held = m.device().references();
        const std::uint64_t last = (std::uint64_t{1} << order) - 1;
        for (const std::uint64_t k : {std::uint64_t{0}, last / 2, last})
            for (const unsigned how : {foll::get, foll::pin}) {
                INFO("order " << order << " page " << k << " flags " << how);
                mm::gup_trace trace;
                const vaddr a = m.a + (k << 12);
                const auto got = look(m.w, a, how | foll::write, trace);
                REQUIRE(got.page == m.w.phys().at(m.f.dax->device_first + k));
                CHECK(name_of(trace.events.back().path) == std::string(path_name(order)));
                const bool exact = m.w.phys().head(got.page)->is(mm::pg::large);
                CHECK(m.w.refs(a) == (how == foll::get || exact ? 2 : 1025));
                CHECK(m.device().references() == held);  // balanced after the call
                mm::ungrab(m.w.phys(), got.page, 1, how);
                CHECK(m.w.refs(a) == 1);
            }
        m.w.audit();
    }
}

BOTH_PROFILES("a caller that counts nothing gets no device page", "[device-paths]") {
    for (const unsigned order : {0U, 9U, 18U}) {
        device_mapping<TestType> m(order);
        mm::gup_trace trace;
        CHECK(look(m.w, m.a, 0, trace).error == -err::eexist);
        // But it may fault in a range of them.
        CHECK(m.w.t.madvise(m.a, 4096ULL << order, mm::advice::populate_write) == 0);
        CHECK(look(m.w, m.a, foll::get | foll::pin, trace).error == -err::einval);
        CHECK(m.w.refs(m.a) == 1);
    }
}

BOTH_PROFILES("TOUCH marks the huge entry, and never a pte", "[device-paths]") {
    for (const unsigned order : {0U, 9U, 18U}) {
        device_mapping<TestType> m(order);
        const auto at = m.w.t.mm().tables.find(m.a, mm::level::pte);
        at.slot->set(at.slot->read().without(mm::eb::young).without(mm::eb::dirty));
        mm::gup_trace trace;
        const auto got = look(m.w, m.a, foll::get | foll::write | foll::touch, trace);
        REQUIRE(got.page);
        CHECK(m.w.letters(m.a) == (order == 0 ? "WSV" : "WDYV"));
        mm::ungrab(m.w.phys(), got.page, 1, foll::get);
    }
}

BOTH_PROFILES("a refused grab of a device page is an error, and in 2019 a warning of the path's own", "[device-paths]") {
    for (const unsigned order : {0U, 9U, 18U}) {
        device_mapping<TestType> m(order);
        frame<TestType>* head = m.w.phys().head(m.w.page_at(m.a));
        const std::int32_t before = head->count.raw();
        head->count.set_raw(-5);
        mm::gup_trace trace;
        const auto got = look(m.w, m.a, foll::pin, trace);
        CHECK(got.page == nullptr);
        CHECK(got.error == (order == 0 ? -err::enomem : pick<TestType>(-err::efault, -err::enomem)));
        CHECK(m.w.warned(mm::warn_id::devmap_pmd_grab) == (is_2019<TestType> && order == 9));
        CHECK(m.w.warned(mm::warn_id::devmap_pud_grab) == (is_2019<TestType> && order == 18));
        CHECK(head->count.refs() == -5);
        CHECK(m.w.pin(m.a, 1) < 0);
        CHECK(head->count.refs() == -5);
        head->count.set_raw(before);
        m.w.audit();
    }
}

BOTH_PROFILES("a dying device gives no page, and no endless loop either", "[device-paths]") {
    for (const unsigned order : {0U, 9U, 18U}) {
        device_mapping<TestType> m(order);
        m.device().kill();
        mm::gup_trace trace;
        CHECK(look(m.w, m.a, foll::pin, trace).error == (order == 0 ? 0 : -err::efault));
        CHECK(m.w.pin(m.a, 1, foll::write) == -err::efault);
        CHECK(m.w.pin_slow(m.a, 1) == -err::efault);
        CHECK(m.w.refs(m.a) == 1);
        m.w.audit();
    }
}

BOTH_PROFILES("the fast walk takes device pages one by one under one pagemap reference", "[device-paths]") {
    for (const unsigned order : {9U, 18U}) {
        device_mapping<TestType> m(order);
        const std::int64_t held = m.device().references();
        const long n = order == 9 ? 500 : 1000;
        mm::gup_trace trace;
        m.w.pages.assign(static_cast<std::size_t>(n), nullptr);
        REQUIRE(m.w.t.pin_user_pages_fast(m.a + 4096, n, foll::write, m.w.pages, &trace) == n);
        CHECK(trace.pages_by(mm::path_id::fast_devmap) == static_cast<std::uint64_t>(n));
        CHECK(m.w.pages[0] == m.w.phys().at(m.f.dax->device_first + 1));
        CHECK(m.device().references() == held);
        m.w.audit();
        m.w.unpin(n);
        CHECK(m.w.refs(m.a + 4096) == 1);
    }
}

BOTH_PROFILES("a device entry that changes under the fast walk is given back, every page of it", "[device-paths]") {
    for (const auto point : {mm::race_point::entry_read, mm::race_point::head_resolved, mm::race_point::added,
                             mm::race_point::head_checked}) {
        device_mapping<TestType> m(9);
        const std::int64_t held = m.device().references();
        frame<TestType>* page = m.w.page_at(m.a);
        hooked::once(point, [&] { REQUIRE(m.w.t.munmap(m.a, 2_MiB) == 0); });
        CHECK(m.w.pin(m.a, 100, foll::write) == -err::efault);
        CHECK(m.w.phys().head(page)->count.refs() == 1);
        CHECK(m.device().references() == held);
        m.w.audit();
    }
}

BOTH_PROFILES("a refusal in the middle of a device range undoes what came before it", "[device-paths]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(512);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    frame<TestType>* bad = w.page_at(a + 5 * 4096);
    bad->count.set_raw(-3);
    CHECK(w.box.phys().stats.total().acquired == 0);
    CHECK(w.get(a, 8, foll::write) == 5);  // the slow path goes as far as it can
    CHECK(w.warned(mm::warn_id::devmap_fast_late_fail));
    CHECK(w.refs(a) == 2);
    w.put(5);
    CHECK(w.refs(a) == 1);
    CHECK(bad->count.refs() == -3);
    bad->count.set_raw(1);
    w.audit();
}

TEST_CASE("6.12: pages of a PCI peer are for callers that can reach them", "[device-paths]") {
    using P = mmt::checked_6_12;
    device_world<P> w;
    mm::peer_memory<P> pool(w.phys(), w.box.device_frames(16), 16);
    const vaddr a = w.map(4096, {.shared = true, .kind = mm::map_kind::mixedmap});
    frame<P>* p = pool.take();
    REQUIRE(w.t.insert_page(a, p) == 0);
    pool.put(p);
    CHECK(p->count.refs() == 1);  // the mapping's
    CHECK(w.pin(a, 1, foll::write) == -err::eremoteio);
    CHECK(w.pin_slow(a, 1) == -err::eremoteio);
    CHECK(w.pin(a, 1, foll::write | foll::pci_p2pdma) == 1);
    CHECK(w.pin_slow(a, 1, foll::pci_p2pdma | foll::longterm) == 0);  // the two exclude each other
    CHECK(w.pin(a, 1, foll::write | foll::pci_p2pdma) == 1);
    CHECK(p->count.refs() == 2049);
    w.unpin(1);
    w.t.unpin_user_page(p);
    REQUIRE(w.pin(a, 1, foll::write | foll::pci_p2pdma) == 1);
    REQUIRE(w.t.munmap(a, 4096) == 0);
    CHECK(pool.free_pages() == 15);
    w.unpin(1);
    CHECK(pool.free_pages() == 16);  // home at the last release, ready to be handed out again
    CHECK(p->count.refs() == 1);
    w.audit();
    mm::remove_pagemap(w.phys(), pool.device());
}

}  // namespace device_paths_tests
