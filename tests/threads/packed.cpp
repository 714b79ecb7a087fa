// SPDX-License-Identifier: BSL-1.0
// Counts beside the pages, changed in groups by some threads and one by one by others while pages die and come back:
// every page is freed once per life, and never while somebody holds it.
#include <catch2/catch.hpp>

#include <pinfold/policy/packed_counts.hpp>
#include <pinfold/range/packed.hpp>

#include "crew.hpp"

using namespace pinfold;
using crew::wrong;

namespace {

constexpr std::size_t pages = 23;
constexpr int turns = 8000;

template <class Liveness>
struct world {
    struct policy;
    struct page {
        std::atomic<int> holders{0};     // counted after a grab and before its release
        std::atomic<bool> owned{true};   // by the one reference every life starts with
        std::atomic<int> ends{0}, frees{0};
        using pinfold_policy = typename world::policy;
    };
    using counting = crew::counting32<overlay_pins<>, Liveness>;

    static inline page all[pages];
    alignas(16) static inline count<counting> counts[pages];
    static page* first_page() noexcept { return all; }
    static count<counting>* first_count() noexcept { return counts; }

    /// The thread that frees a page owns it alone: it starts the next life.
    static void free_page(page& p) noexcept {
        if (p.holders != 0) ++wrong.overtaken;
        if (!counts[&p - all].is_dead() && Liveness::optimistic) ++wrong.torn;
        ++p.frees;
        counts[&p - all].init();
        p.owned = true;
    }

    static void run() {
        wrong.reset();
        for (std::size_t i = 0; i < pages; ++i) {
            all[i].owned = true;
            counts[i].init();
        }
        std::atomic<int> refused{0}, granted{0};
        crew::together([&](int who) {
            crew::dice roll(static_cast<unsigned>(who + 1));
            for (int turn = 0; turn < turns; ++turn) {
                const std::size_t from = roll(pages);
                const std::size_t n = 1 + roll(static_cast<unsigned>(pages - from));
                page* const first = all + from;
                const unsigned kind = roll(8);
                if (kind == 0) {
                    if (first->owned.exchange(false)) {  // the life may end here, or with the last pin
                        ++first->ends;
                        page_ops<page>::put(first);
                    }
                } else if (kind < 3) {
                    if (!page_ops<page>::try_pin(first)) continue;
                    hold(first, 1, 1);
                    hold(first, 1, -1);
                    page_ops<page>::unpin(first);
                } else if (kind < 6) {
                    use(first, try_pin_packed(first, n, keep_partial).batch, n, refused, granted, roll);
                } else {
                    use(first, try_get_packed(first, n).batch, n, refused, granted, roll);
                }
            }
        });
        CHECK(wrong.all() == 0);
        CHECK(granted > 0);
        int lives = 0;
        for (std::size_t i = 0; i < pages; ++i) {
            CHECK(all[i].ends == all[i].frees);
            CHECK(all[i].holders == 0);
            CHECK(counts[i].raw() == 1);
            lives += all[i].frees;
        }
        CHECK(lives > 0);
    }

private:
    static void hold(page* first, std::size_t n, int by) {
        for (std::size_t i = 0; i < n; ++i) first[i].holders += by;
    }

    template <class Batch>
    static void use(page* first, Batch batch, std::size_t n, std::atomic<int>& refused, std::atomic<int>& granted,
                    crew::dice& roll) {
        ++(batch.size() == n ? granted : refused);
        hold(first, batch.size(), 1);
        if (batch.size() > 1 && roll(2) != 0) {  // a single page and a group of its neighbours, at the same time
            page_ops<page>::pin(held::assumed(), first + 1);
            page_ops<page>::unpin(first + 1);
        }
        if (roll(4) == 0) std::this_thread::yield();
        hold(first, batch.size(), -1);
    }
};
template <class Liveness>
struct world<Liveness>::policy : packed_counts<&world::first_page, &world::first_count> {
    using release = free_at_zero<&world::free_page>;
};

}  // namespace

TEST_CASE("packed pages under threads, sticky_dead") { world<sticky_dead>::run(); }
TEST_CASE("packed pages under threads, zero_is_dead") { world<zero_is_dead>::run(); }
