// SPDX-License-Identifier: BSL-1.0
// A block of pages is split and merged while everybody grabs at its pages: a hold keeps the layout, and every undo goes
// back to the head it came from (spec 02 §3, §4).
#include <catch2/catch.hpp>

#include "crew.hpp"

using namespace pinfold;
using crew::wrong;

namespace {

constexpr int pages = 4;
constexpr int changes = 1000;

template <class Count>
struct frame_policy;
template <class Count>
struct frame {
    pinfold::count<Count> count;
    atomic_word<std::intptr_t> link;
    using pinfold_policy = frame_policy<Count>;
};
struct frees {
    static inline std::atomic<int> times{0};
    template <class Page>
    static void give_back(Page*) noexcept { ++times; }
};
template <class Count>
struct frame_policy : page_defaults<&frame<Count>::count> {
    using head = tagged_head<&frame<Count>::link>;
    using release = free_at_zero<&frees::give_back<frame<Count>>>;
    using statistics = sharded_statistics<Count>;
};

template <class Count>
class block {
    using page = frame<Count>;
    using ops = page_ops<page>;
    using link = typename frame_policy<Count>::head;

public:
    void run() {
        wrong.reset();
        frees::times = 0;
        for (int i = 1; i < pages; ++i) link::make_tail(all_[i], all_[0]);
        all_[0].count.init(1);
        crew::together([this](int who) {
            crew::dice roll(static_cast<unsigned>(who + 1));
            while (splits_ + merges_ < changes) {
                if (who == 0)
                    change();
                else
                    grab(all_[roll(pages)], 1 + roll(3), roll(2) != 0);
                if (roll(4) != 0) std::this_thread::yield();  // and hold nothing, so that the block comes to rest
            }
        });
        const auto totals = sharded_statistics<Count>::totals();
        CHECK(totals.acquired > 0);
        CHECK(totals.live() == 0);
        CHECK(wrong.all() == 0);
        CHECK(splits_ > 0);
        CHECK(merges_ > 0);
        CHECK(frees::times == 0);  // the owner's references are never given back
        for (int i = 0; i < pages; ++i) CHECK(all_[i].count.raw() == (i == 0 || is_split_ ? 1 : count_traits<Count>::dead_value));
    }

private:
    void change() {
        if (!is_split_) {
            if (!all_[0].count.freeze(1)) return;
            for (int i = 1; i < pages; ++i) {
                all_[i].count.init(1);
                link::clear(all_[i]);
            }
            all_[0].count.unfreeze(1);
            is_split_ = true, ++splits_;
            return;
        }
        int frozen = 0;
        while (frozen < pages && all_[frozen].count.freeze(1)) ++frozen;
        if (frozen == pages) {
            for (int i = 1; i < pages; ++i) link::make_tail(all_[i], all_[0]);
            all_[0].count.unfreeze(1);
            is_split_ = false, ++merges_;
        } else {
            for (int i = 0; i < frozen; ++i) all_[i].count.unfreeze(1);
        }
    }

    void grab(page& p, std::uint64_t n, bool pin) {
        const outcome got = pin ? ops::try_pin(&p, n) : ops::try_get(&p, n);
        if (!got) {
            if (got.error != errc::dead) ++wrong.refused;
            return;
        }
        page* const head = ops::head(&p);
        if (pin && !ops::maybe_pinned(&p)) ++wrong.overtaken;
        if (ops::head(&p) != head || head->count.is_dead()) ++wrong.torn;
        if (pin)
            ops::unpin(&p, n);
        else
            ops::put(&p, n);
    }

    page all_[pages];
    bool is_split_ = false;
    std::atomic<int> splits_{0}, merges_{0};
};

}  // namespace

TEST_CASE("a hold keeps the layout, under zero_is_dead") { block<crew::counting<overlay_pins<>, zero_is_dead>>().run(); }
TEST_CASE("a hold keeps the layout, under sticky_dead") { block<crew::counting<overlay_pins<>, sticky_dead>>().run(); }
TEST_CASE("a hold keeps the layout, with exact pins") { block<crew::counting<exact_pins, sticky_dead>>().run(); }
TEST_CASE("a hold keeps the layout, in a split word") { block<crew::counting<split_word_pins<>, sticky_dead_load_test>>().run(); }
