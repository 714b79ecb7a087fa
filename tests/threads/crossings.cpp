// SPDX-License-Identifier: BSL-1.0
// Everybody lets go at the same time: the hook of the value reached runs exactly once per busy period (T-03-2).
#include <catch2/catch.hpp>

#include "crew.hpp"

using namespace pinfold;
using crew::wrong;

namespace {

constexpr int rounds = 4000;

struct calls {
    static inline std::atomic<int> freed{0}, woken{0}, gone{0};
    static void reset() { freed = 0, woken = 0, gone = 0; }
    template <class Page>
    static void free(Page* p) noexcept { ++p->written, ++freed; }
    template <class Page>
    static void wake(Page* p) noexcept { ++p->written, ++woken; }
    template <class Page>
    static void end(Page* p) noexcept { ++p->written, ++gone; }
};

using devices = device_switch<struct crossings_test>;

template <class Count>
struct frame_policy;
template <class Count>
struct frame {
    pinfold::count<Count> count;
    int written = 0;  // plain: only hooks write it, and only one hook runs
    bool device = false;
    using pinfold_policy = frame_policy<Count>;
    static bool is_device(const frame& f) noexcept { return f.device; }
};
template <class Count>
struct frame_policy : page_defaults<&frame<Count>::count> {
    using page_type = frame<Count>;
    using release = by_kind<devices, &page_type::is_device,
                            on_release<idle_at_one<&calls::wake<page_type>>, free_at_zero<&calls::end<page_type>>>,
                            free_at_zero<&calls::free<page_type>>>;
};

/// Each round every thread takes references and pins, all meet, all let go.
template <class Count>
void race(bool device) {
    using page = frame<Count>;
    using ops = page_ops<page>;
    wrong.reset();
    calls::reset();
    page p;
    p.device = device;
    p.count.init(1);
    if (device) devices::device_added();
    crew::gate gate;
    std::atomic<int> seen_late{0};
    crew::together([&](int who) {
        for (int round = 1; round <= rounds; ++round) {
            // An ordinary page is kept alive until everybody holds it, and then let go by thread 0.
            if (!ops::try_get(&p)) ++wrong.refused;
            if (!ops::try_pin(&p, static_cast<std::uint64_t>(1 + who % 2))) ++wrong.refused;
            gate.pass();
            const auto let_go = [&](int step) {
                switch ((step + who + round) % 3) {
                    case 0: ops::put(&p); break;
                    case 1: ops::unpin(&p, static_cast<std::uint64_t>(1 + who % 2)); break;
                    default:
                        if (!device && who == 0) ops::put(&p);  // the baseline
                }
            };
            for (int step = 0; step < 3; ++step) let_go(step);
            gate.pass();
            if (who == 0) {
                const int expected = device ? calls::woken.load() : calls::freed.load();
                seen_late += expected != round;
                seen_late += p.count.refs() != (device ? 1 : 0);
                if (!device) p.count.init(1);
            }
            gate.pass();
        }
    });
    CHECK(seen_late == 0);
    CHECK(wrong.all() == 0);
    CHECK(p.written == rounds);
    CHECK(calls::gone == 0);
    CHECK((calls::freed == (device ? 0 : rounds) && calls::woken == (device ? rounds : 0)));
    ops::put(&p);
    CHECK(calls::gone + calls::freed == (device ? 1 : rounds + 1));
    if (device) devices::device_removed();
}

}  // namespace

TEST_CASE("an ordinary page is freed once when all let go at once") {
    race<crew::counting<overlay_pins<>, zero_is_dead>>(false);
    race<crew::counting<overlay_pins<>, sticky_dead>>(false);
    race<crew::counting<exact_pins, sticky_dead>>(false);
    race<crew::counting<split_word_pins<>, sticky_dead>>(false);
}

TEST_CASE("a device page becomes idle once when all let go at once") {
    race<crew::counting<overlay_pins<>, zero_is_dead>>(true);
    race<crew::counting<overlay_pins<>, sticky_dead>>(true);
    race<crew::counting<exact_pins, zero_is_dead>>(true);
    race<crew::counting<split_word_pins<>, sticky_dead>>(true);
}
