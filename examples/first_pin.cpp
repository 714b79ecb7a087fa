// SPDX-License-Identifier: BSL-1.0
// How do I put references and pins on a struct of my own, and who frees it?
#include <cstdio>

// [readme]
#include <pinfold/pinfold.hpp>

struct frame { struct pinfold_policy; pinfold::count<> count; char data[4096]; };
void give_back(frame& f) noexcept;                     // called once, when nobody holds the frame
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};
void submit_io(frame& f);
void write_out(frame& f) {
    if (auto pin = pinfold::try_pin(&f)) submit_io(f); // unpinned at the end of the scope
}
bool may_evict(const frame& f) { return !pinfold::maybe_pinned(&f); }
// [/readme]

static int given_back = 0;
static bool ok = true;

static void claim(bool holds, const char* what) {
    std::printf("%-4s%s\n", holds ? "yes" : "NO", what);
    ok = ok && holds;
}

void give_back(frame&) noexcept { ++given_back; }

void submit_io(frame& f) {
    // 2. A device may be writing now: nobody may evict the frame, and losing its owner does not free it.
    claim(!may_evict(f), "pinned: not to be evicted");
    pinfold::page_ops<frame>::put(&f);
    claim(given_back == 0, "its owner let go during the I/O: still there");
}

int main() {
    // 1. A frame starts dead; init() gives it one reference, its owner's.
    static frame f;
    claim(!pinfold::try_pin(&f), "dead: a pin is refused");
    f.count.init();
    claim(may_evict(f), "alive and not pinned");

    write_out(f);

    // 3. The pin was the last to let go, and so it was the one that freed.
    claim(given_back == 1, "the last pin gave the frame back, once");
    pinfold::errc why{};
    const bool refused = !pinfold::try_pin(&f, why);
    claim(refused && why == pinfold::errc::dead, pinfold::message(why));
    return ok ? 0 : 1;
}
