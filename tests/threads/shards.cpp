// SPDX-License-Identifier: BSL-1.0
// Statistics counted by many threads, read while they run, and kept when they end.
#include <catch2/catch.hpp>

#include "crew.hpp"

using namespace pinfold;

namespace {

struct frame {
    pinfold::count<crew::counting<overlay_pins<>, sticky_dead>> count;
    using pinfold_policy = struct frame_policy;
};
using stats = sharded_statistics<struct shards_test>;
struct frame_policy : page_defaults<&frame::count> {
    using statistics = stats;
    using release = no_release;
};
using ops = page_ops<frame>;

}  // namespace

TEST_CASE("totals only grow while threads come and go, and balance at the end") {
    crew::wrong.reset();
    frame f;
    f.count.init(1);
    constexpr int lives = 40, pins = 500;
    std::atomic<bool> done{false};
    int shrunk = 0, reads = 0;
    std::thread reader([&] {
        pin_totals last;
        while (!done) {
            const pin_totals now = stats::totals();
            shrunk += now.acquired < last.acquired || now.released < last.released;
            last = now;
            ++reads;
        }
    });
    for (int life = 0; life < lives; ++life) {
        crew::together([&](int who) {
            for (int i = 0; i < pins; ++i) {
                if (!ops::try_pin(&f, static_cast<std::uint64_t>(who + 1))) ++crew::wrong.refused;
                ops::unpin(&f, static_cast<std::uint64_t>(who + 1));
            }
        });
    }
    done = true;
    reader.join();
    CHECK(shrunk == 0);
    CHECK(reads > 0);
    CHECK(crew::wrong.all() == 0);
    const pin_totals end = stats::totals();
    CHECK(end.acquired == std::uint64_t{lives} * pins * (1 + 2 + 3 + 4));
    CHECK(end.released == end.acquired);
    CHECK(end.live() == 0);
}

TEST_CASE("a WARN site reports once, whoever comes first") {
    static std::atomic<int> reports{0};
    const warn_handler before = set_warn_handler([](const warn_report&) noexcept { ++reports; });
    warn_site site{"WARN:TEST:threads"};
    crew::together([&](int) {
        for (int i = 0; i < 10000; ++i) site.emit("again", 0, 0, 0);
    });
    CHECK(reports == 1);
    CHECK(site.hits() == 10000u * crew::size);
    set_warn_handler(before);
}
