// SPDX-License-Identifier: BSL-1.0
// Who gives pins back, who marks pages dirty, and what does a batch of pages cost?
#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

#include <pinfold/range.hpp>

struct frame;
void give_back(frame&) noexcept {}
void mark_dirty(frame& head) noexcept;

// 1. Counts what happens: one call per head touched, with the number of pins.
struct touched {
    static inline int heads = 0;
    static inline std::uint64_t pins = 0;
    static void acquired(const frame&, std::uint64_t n) noexcept { ++heads, pins += n; }
    static void released(const frame&, std::uint64_t n) noexcept { ++heads, pins -= n; }
};

struct frame {
    struct pinfold_policy;
    pinfold::count<> count;
    pinfold::atomic_word<std::intptr_t> link;
    bool dirty = false;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = pinfold::tagged_head<&frame::link>;
    using release = pinfold::free_at_zero<&give_back>;
    using dirtying = pinfold::dirty_with<&mark_dirty>;
    using statistics = touched;
};
void mark_dirty(frame& head) noexcept { head.dirty = true; }

static bool ok = true;
static void claim(bool holds, const char* what) {
    std::printf("%-4s%s\n", holds ? "yes" : "NO", what);
    ok = ok && holds;
}
static bool costs(int heads, std::uint64_t pins_left) {
    return std::exchange(touched::heads, 0) == heads && touched::pins == pins_left;
}

int main() {
    // 2. A block of eight pages and two single ones.
    std::array<frame, 10> pages;
    for (std::size_t i = 1; i < 8; ++i) frame::pinfold_policy::head::make_tail(pages[i], pages[0]);
    for (std::size_t i : {0u, 8u, 9u}) pages[i].count.init();

    // 3. An owner gives back at the end of its scope; a pin that says so marks dirty first.
    {
        auto read = pinfold::try_pin(&pages[8]);
        auto written = pinfold::try_pin(&pages[9]);
        written.set_dirty();
        auto moved = std::move(written);
        claim(read && moved && !written && costs(2, 2), "two pins; one of them changed its owner");
    }
    claim(costs(2, 0) && !pages[8].dirty && pages[9].dirty, "both given back, the written page is dirty");

    // 4. Ten pages are three heads: three atomic additions, and three subtractions.
    auto pins = pinfold::try_pin_all(pages);
    claim(pins && costs(3, 10), "ten pages pinned, three heads touched");
    pinfold::unpin_all(std::move(pins.batch), pinfold::dirty);
    claim(costs(3, 0) && pages[0].dirty && pages[8].dirty, "ten given back, their heads dirty");

    // 5. A page that is gone: all or nothing, or as far as it goes.
    pinfold::page_ops<frame>::put(&pages[8]);
    const auto refused = pinfold::try_pin_all(pages);
    claim(!refused && refused.refused_at == 8 && touched::pins == 0, "the ninth is dead: nothing is kept");
    const auto partial = pinfold::try_pin_all(pages, pinfold::keep_partial);
    claim(!partial.complete() && partial.batch.size() == 8 && touched::pins == 8, "or the eight before it are");
    return ok ? 0 : 1;
}
