// SPDX-License-Identifier: BSL-1.0
// Pagemaps: creation rules, references, what releases do to each type of page, removal. Source: spec 03 §1 to §5.
#include "device_box.hpp"

namespace devmap_tests {

namespace {

using namespace mmt;
using mm::device_type;

template <class P>
mm::device_callbacks<P> all_callbacks(int* freed = nullptr) {
    static const int somebody = 0;
    mm::device_callbacks<P> c;
    c.owner = &somebody;
    c.page_free = [freed](frame<P>*) {
        if (freed) ++*freed;
    };
    c.migrate_to_ram = [](frame<P>*) { return -err::eagain; };
    return c;
}

template <class P>
void grab(device_world<P>& w, frame<P>* p, unsigned flags, std::uint64_t n = 1) {
    REQUIRE(mm::grab_stable(w.phys(), p, n, flags) == 0);
}

}  // namespace

ALL_DEVICE_RULES("a device is created over free device frames only, and with what its type needs", "[devmap]") {
    device_world<TestType> w;
    auto& phys = w.phys();
    const mm::pfn at = phys.device_first();
    const auto make = [&](device_type t, mm::pfn first, std::uint64_t n, mm::device_callbacks<TestType> c) {
        return mm::create_pagemap(phys, t, first, n, 0, std::move(c));
    };
    CHECK(make(device_type::generic, at, 0, {}).error == -err::einval);
    CHECK(make(device_type::generic, mm::pfn{at.n - 1}, 4, {}).error == -err::enxio);
    CHECK(make(device_type::generic, phys.device_end(), 1, {}).error == -err::enxio);
    CHECK_FALSE(w.warned(mm::warn_id::devmap_missing_callback));
    auto without = all_callbacks<TestType>();
    without.migrate_to_ram = nullptr;
    CHECK(make(device_type::private_memory, at, 4, without).error == -err::einval);
    CHECK(w.warned(mm::warn_id::devmap_missing_callback));
    w.box.warn().reset();
    // FS_DAX: 2019 wants to be told of idle pages, later versions wake the waiters by themselves.
    CHECK(make(device_type::fsdax, at, 4, {}).error == pick<TestType>(-err::einval, 0));
    CHECK(w.warned(mm::warn_id::devmap_missing_callback) == is_2019<TestType>);
    if (is_2019<TestType>) REQUIRE(make(device_type::fsdax, at, 4, all_callbacks<TestType>()));
    CHECK(make(device_type::generic, at + 3, 4, {}).error == -err::enomem);
    CHECK(w.warned(mm::warn_id::devmap_overlap));
    CHECK(make(device_type::generic, at + 4, 4, {}).error == 0);
    CHECK(make(device_type::coherent, at + 8, 4, all_callbacks<TestType>()).error == pick<TestType>(-err::einval, 0));
    auto nobody = all_callbacks<TestType>();
    nobody.owner = nullptr;
    CHECK(make(device_type::private_memory, at + 16, 4, nobody).error == pick<TestType>(0, -err::einval));
    w.audit();
}

ALL_DEVICE_RULES("get_dev_pagemap: a cached hit takes no reference, a dying device gives none", "[devmap]") {
    device_world<TestType> w;
    auto& phys = w.phys();
    const auto a = mm::create_pagemap(phys, device_type::generic, phys.device_first(), 8);
    const auto b = mm::create_pagemap(phys, device_type::generic, phys.device_first() + 8, 8);
    const std::int64_t base = a->references();
    auto* m = phys.pagemaps.get(a->first);
    REQUIRE(m == a.map);
    CHECK(a->references() == base + 1);
    CHECK(phys.pagemaps.get(a->first + 7, m) == m);
    CHECK(a->references() == base + 1);
    CHECK(phys.pagemaps.get(b->first, m) == b.map);  // the other is given back
    CHECK(a->references() == base);
    b->put();
    CHECK(phys.pagemaps.get(phys.device_first() + 16) == nullptr);
    a->kill();
    CHECK(phys.pagemaps.get(a->first) == nullptr);
    CHECK(a->references() == base);
}

ALL_DEVICE_RULES("the release that makes a DAX page idle is seen once, in whichever order GETs and pins go", "[devmap]") {
    device_world<TestType> w;
    int told = 0;
    const auto m = mm::create_pagemap(w.phys(), device_type::fsdax, w.phys().device_first(), 4, 0,
                                      all_callbacks<TestType>(&told));
    const int base = idle<TestType>(device_type::fsdax);
    int periods = 0;
    for (const bool pin_last : {false, true}) {
        frame<TestType>* p = w.page(m, pin_last ? 1 : 2);
        REQUIRE(p->count.refs() == base);
        if (base == 0) p->count.init(1), w.phys().note(p, mm::holder::hand_out, 1);  // its mapping
        grab(w, p, foll::get);
        grab(w, p, foll::pin, 2);
        CHECK(p->count.refs() == 1 + 1 + 2048);
        CHECK(mm::is_dax_busy(p));
        if (pin_last) mm::ungrab(w.phys(), p, 1, foll::get);
        mm::ungrab(w.phys(), p, 1, foll::pin);
        CHECK(told == (is_2019<TestType> ? periods : 0));
        mm::ungrab(w.phys(), p, 1, foll::pin);
        if (!pin_last) mm::ungrab(w.phys(), p, 1, foll::get);
        CHECK(p->count.refs() == 1);
        if (base == 0) w.phys().drop(p, mm::holder::hand_out);
        CHECK(p->count.refs() == base);
        CHECK_FALSE(mm::is_dax_busy(p));
        ++periods;
        CHECK(told == (is_2019<TestType> ? periods : 0));  // 2019 tells the driver; the waiters are woken in all
    }
    w.audit();
}

ALL_DEVICE_RULES("releases are watched only while a managed device exists", "[devmap]") {
    using devices = typename mm::frame_policy<TestType>::managed_devices;
    CHECK_FALSE(devices::on());
    {
        device_world<TestType> w;
        (void)w.box.create_device_file(2_MiB);
        CHECK_FALSE(devices::on());  // nobody waits for pages of a whole device
        (void)w.dax_file(1);
        CHECK(devices::on() == (idle<TestType>(mm::device_type::fsdax) == 1));
    }
    CHECK_FALSE(devices::on());
}

ALL_DEVICE_RULES("pages of a whole device idle silently: nobody is told", "[devmap]") {
    device_world<TestType> w;
    int told = 0;
    const auto m = mm::create_pagemap(w.phys(), device_type::generic, w.phys().device_first(), 4, 0,
                                      all_callbacks<TestType>(&told));
    frame<TestType>* p = w.page(m, 0);
    grab(w, p, foll::pin);
    CHECK(p->count.refs() == 1025);
    mm::ungrab(w.phys(), p, 1, foll::pin);
    CHECK(p->count.refs() == 1);
    CHECK(told == 0);
    w.audit();
}

TEMPLATE_TEST_CASE("device-dax pages are folios of the device's alignment, or single pages", "[devmap]",
                   mmt::checked_2019, mmt::checked_6_12) {
    device_world<TestType> w;
    const auto first = mm::pfn{mm::align_up(w.phys().device_first().n, 512)};
    const auto m = mm::create_pagemap(w.phys(), device_type::generic, first, 512, mm::pmd_order);
    frame<TestType>* p = w.page(m, 100);
    CHECK(w.phys().head(p) == pick<TestType>(p, w.page(m, 0)));
    grab(w, p, foll::pin);
    CHECK(w.phys().head(p)->count.refs() == pick<TestType>(1025, 2));
    mm::ungrab(w.phys(), p, 1, foll::pin);
    CHECK(w.page(m, 0)->count.refs() == 1);
    w.audit();
    mm::remove_pagemap(w.phys(), *m.map);
    w.audit();
}

ALL_DEVICE_RULES("private pages are handed out and come home once per life", "[devmap]") {
    device_world<TestType> w;
    int freed = 0;
    const auto m = mm::create_pagemap(w.phys(), device_type::private_memory, w.phys().device_first(), 4, 0,
                                      all_callbacks<TestType>(&freed));
    frame<TestType>* p = w.page(m, 0);
    const int base = idle<TestType>(device_type::private_memory);
    const std::int64_t refs = m->references();
    for (int life = 1; life <= 3; ++life) {
        CHECK(p->count.refs() == base);
        mm::hand_out_device_page(w.phys(), p);
        CHECK(p->count.refs() == base + 1);
        CHECK(m->references() == refs + (base == 0 ? 1 : 0));
        w.phys().hold(p, mm::holder::temporary);
        w.phys().drop(p, mm::holder::hand_out);
        CHECK(freed == life - 1);
        p->set(mm::pg::exclusive);
        w.phys().drop(p, mm::holder::temporary);
        CHECK(freed == life);
        CHECK_FALSE(p->is(mm::pg::exclusive));
        CHECK(m->references() == refs);
    }
    m->kill();
    mm::hand_out_device_page(w.phys(), p);
    CHECK(w.warned(mm::warn_id::devmap_dying_hand_out) == (base == 0));
}

TEST_CASE("2019: removal waits for the last unpin, and no frame reaches the buddy", "[devmap]") {
    using P = mmt::checked_2019;
    device_world<P> w;
    const auto m = mm::create_pagemap(w.phys(), device_type::fsdax, w.phys().device_first(), 8, 0, all_callbacks<P>());
    frame<P>* p = w.page(m, 3);
    grab(w, p, foll::pin);
    const std::uint64_t free = w.box.free_pages();
    CHECK(m->references() == 8);
    mm::word32 gone;
    std::thread remover([&] {
        mm::remove_pagemap(w.phys(), *m.map);
        gone.publish(1);
    });
    while (m->references() != 1) std::this_thread::yield();  // the others have given theirs back
    CHECK(p->count.refs() == 1024);
    CHECK(gone.load_acquire() == 0);
    CHECK(w.phys().pagemaps.get(m->first) == nullptr);
    mm::ungrab(w.phys(), p, 1, foll::pin);
    remover.join();
    CHECK(p->count.refs() == 0);
    CHECK(m->references() == 0);
    CHECK(w.box.free_pages() == free);
    CHECK(mm::create_pagemap(w.phys(), device_type::generic, m->first, 8));
    w.audit();
}

TEST_CASE("6.12: removal waits for pages that are handed out; DAX pages somebody holds are reported", "[devmap]") {
    using P = mmt::checked_6_12;
    device_world<P> w;
    const auto held = mm::create_pagemap(w.phys(), device_type::private_memory, w.phys().device_first(), 8, 0,
                                         all_callbacks<P>());
    frame<P>* p = w.page(held, 3);
    mm::hand_out_device_page(w.phys(), p);
    mm::word32 gone;
    std::thread remover([&] {
        mm::remove_pagemap(w.phys(), *held.map);
        gone.publish(1);
    });
    while (!held->is_dying()) std::this_thread::yield();
    CHECK(gone.load_acquire() == 0);
    w.phys().drop(p, mm::holder::hand_out);
    remover.join();

    const auto dax = mm::create_pagemap(w.phys(), device_type::fsdax, w.phys().device_first() + 16, 8);
    frame<P>* q = w.page(dax, 1);
    grab(w, q, foll::pin);
    mm::remove_pagemap(w.phys(), *dax.map);
    CHECK(w.warned(mm::warn_id::devmap_removed_busy));
    CHECK(mm::create_pagemap(w.phys(), device_type::generic, dax->first, 8).error == -err::enomem);
    mm::ungrab(w.phys(), q, 1, foll::pin);
    CHECK(q->count.refs() == 1);
}

TEST_CASE("6.12: a device page that reaches zero without a way home is reported once", "[devmap]") {
    using P = mmt::checked_6_12;
    device_world<P> w;
    const auto m = mm::create_pagemap(w.phys(), device_type::generic, w.phys().device_first(), 8);
    w.phys().drop(w.page(m, 0), mm::holder::device);
    CHECK(w.box.warn().hits(mm::warn_id::devmap_no_free) == 1);
}

}  // namespace devmap_tests
