// SPDX-License-Identifier: BSL-1.0
// Device pages: a truncation that waits for the last unpin and is woken by it, and a device that is removed under the
// lockless walk. Source: spec 03 §6, spec 05 §6.
#include "scene.hpp"

namespace explore_device {

using namespace explored;

namespace {

void map_dax(scene<linux_6_12>& s) {
    s.file = &s.box.create_file(mm::file_kind::fsdax, mm::page_size);
    mm::mapping m;
    m.source = s.file;
    m.shared = true;
    s.map(1, 1, m);
}

enum class waker { wakes, does_not_wake };

/// One thread has pinned the page and gives it back, the other cuts the file: it waits, and goes on.
template <waker W>
void cut(check::program& p, stage<linux_6_12>& on) {
    auto& s = on.set(p);
    map_dax(s);
    if (s.pin(0) == nullptr) FAIL("no pin");
    p.thread([&] {
        s.use();
        if (W == waker::wakes) s.unpin();
        else (void)s.held.pages[0]->count.unpin(1);
    });
    p.thread([&] { s.acted = s.box.truncate(*s.file, 0) == 0; });
    p.at_end([&] {
        check::that(s.acted && s.file->size == 0, "a file is cut when its pages are idle");
        if (W == waker::wakes) on.audit();  // else a count has been lowered behind the ledger's back
    });
}
enum class waiter { looks_again, looks_once };

/// The wait alone: in the queue, then a second look, which nobody who waits may leave out.
template <waiter W>
void wait_for_idle(check::program& p, stage<linux_6_12>& on) {
    auto& s = on.set(p);
    map_dax(s);
    if (s.pin(0) == nullptr) FAIL("no pin");
    p.thread([&] { s.unpin(); });
    p.thread([&] {
        mm::shared_mutex& lock = s.file->dax->invalidate;
        lock.lock();
        int looks = 0;
        const auto done = [&] { return (W == waiter::looks_again || ++looks != 2) && mm::is_dax_wait_over(s.first); };
        s.acted = s.box.phys().page_idle.wait_interruptible(lock, done);
        lock.unlock();
    });
    p.at_end([&] { on.audit(); });
}
/// As that, but the page is pinned meanwhile, or not any more.
void cut_under_the_walk(check::program& p, stage<linux_6_12>& on) {
    auto& s = on.set(p);
    map_dax(s);
    p.thread([&] {
        if (s.pin(0) != nullptr) check::that(!s.acted, "a file is not cut while a page of it is pinned");
        s.unpin();
    });
    p.thread([&] { s.acted = s.box.truncate(*s.file, 0) == 0; });
    p.at_end([&] {
        check::that(s.acted && s.file->size == 0, "a file is cut when its pages are idle");
        on.audit();
    });
}
enum class remover { waits, does_not_wait };

/// A walk that is between taking and giving back its reference of the device is waited for.
template <remover R>
void remove_device(check::program& p, stage<linux_6_12>& on) {
    static bool removed;
    static mm::dev_pagemap<linux_6_12>* device;
    auto& s = on.set(p);
    map_dax(s);
    device = s.box.phys().pagemaps.find(s.box.phys().number(s.first));
    removed = false;
    asked::ask = [](mm::race_point at) {
        if (at != mm::race_point::head_checked) return;
        check::that(device->references() > 0, "a walk has a reference of the device");  // a step: the other may come between
        check::that(!removed, "a device is not removed while a walk has a reference of it");
    };
    p.thread([&] { (void)s.pin(0), s.unpin(); });
    p.thread([&] {
        device->kill();
        device->put(device->pages());  // of its pages, each of which has one
        if (R == remover::waits) device->wait_until_unused();
        removed = s.acted = true;
    });
    p.at_end([&] {
        asked::ask = nullptr;
        check::that(device->references() == 0, "every reference of the device is given back");
        on.audit();
    });
}

}  // namespace

TEST_CASE("a truncation of a DAX file is woken by the last unpin") {
    holds("DAX truncation waits", in_order, cut<waker::wakes>);
    holds("DAX truncation waits", with_old_values, cut<waker::wakes>);
    fails("DAX truncation waits, wake-up", in_order, cut<waker::does_not_wake>, missing::nothing, check::fault::deadlock);
    holds("wait for an idle page", in_order, wait_for_idle<waiter::looks_again>);
    holds("wait for an idle page", with_old_values, wait_for_idle<waiter::looks_again>);
    fails("wait for an idle page, second look", in_order, wait_for_idle<waiter::looks_once>, missing::nothing, check::fault::deadlock);
}
TEST_CASE("a truncation of a DAX file waits for pins of the walk, and the walk sees its entries go") {
    holds("DAX truncation", in_order, cut_under_the_walk);
    holds("DAX truncation", with_old_values, cut_under_the_walk);
    fails("DAX truncation, entry re-check", in_order, cut_under_the_walk, missing::entry_check);
}
TEST_CASE("the removal of a device waits for the walk") {
    holds("device removal", in_order, remove_device<remover::waits>);
    holds("device removal", with_old_values, remove_device<remover::waits>);
    fails("device removal, waiting", in_order, remove_device<remover::does_not_wait>, missing::nothing);
}

}  // namespace explore_device
