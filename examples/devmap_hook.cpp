// SPDX-License-Identifier: BSL-1.0
// How does a truncation learn that the last pin of a device page is gone, when such pages never reach zero?
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include <pinfold/pinfold.hpp>

struct frame;
void wake(frame& f) noexcept;
void free_frame(frame& f) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<> count;
    bool on_device = false;
    int idle = 0;
    int freed = 0;
    std::mutex lock;
    std::condition_variable became_idle;
};
inline bool is_device(const frame& f) noexcept { return f.on_device; }

// 1. Device pages rest at 1 and wake whoever waits; the others are freed at 0. The switch keeps machines without
//    such a device at one load per release.
using devices = pinfold::device_switch<struct persistent_memory>;
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::by_kind<devices, &is_device, pinfold::idle_at_one<&wake>,
                                     pinfold::free_at_zero<&free_frame>>;
};

void wake(frame& f) noexcept {
    const std::lock_guard guard(f.lock);
    ++f.idle;
    f.became_idle.notify_all();
}
void free_frame(frame& f) noexcept { ++f.freed; }

int main() {
    using ops = pinfold::page_ops<frame>;
    devices::device_added();
    static frame block, ordinary;
    block.on_device = true;
    block.count.init();  // the device's own baseline of 1
    ordinary.count.init();

    // 2. A device writes to the block, a reader holds a reference too.
    auto pin = pinfold::try_pin(&block);
    auto ref = pinfold::try_get(&block);
    if (!pin || !ref) return 1;
    std::printf("busy: %lld units\n", static_cast<long long>(ops::raw(&block)));

    // 3. Truncation: unmap (not shown), then wait until only the baseline is left.
    std::thread io([&] {
        pin.reset();
        ref.reset();
    });
    {
        std::unique_lock guard(block.lock);
        block.became_idle.wait(guard, [] { return block.idle != 0; });
    }
    std::printf("idle: %lld unit, the block can be given to another file\n", static_cast<long long>(ops::raw(&block)));
    io.join();

    // 4. The crossing was seen once, the page was not freed; an ordinary page goes all the way.
    ops::put(&ordinary);
    std::printf("woken %d time, freed %d; the ordinary page freed %d\n", block.idle, block.freed, ordinary.freed);
    const bool as_claimed = ops::raw(&block) == 1 && block.idle == 1 && block.freed == 0 && ordinary.freed == 1;
    devices::device_removed();
    return as_claimed ? 0 : 1;
}
