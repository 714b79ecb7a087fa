// SPDX-License-Identifier: BSL-1.0
// What does a whole policy of my own look like, for a buffer pool with large pages?
#include <array>
#include <cstdint>
#include <cstdio>

#include <pinfold/pinfold.hpp>

struct frame;
void recycle(frame* head) noexcept;

// 1. The count: 256 units per pin, and what the pool promises. Whatever could overflow would not compile.
struct pool_count : pinfold::count_defaults {
    using pins = pinfold::overlay_pins<256>;
    static constexpr pinfold::budget budget{.holders = 200, .refs_each = 64, .pins_each = 4096, .batch = 64};
};

struct frame {
    struct pinfold_policy;
    pinfold::count<pool_count> count;
    pinfold::atomic_word<std::intptr_t> link;  // a tail's way to its head
    bool in_use = false;
};

// 2. The page: tails are counted on their head, and the last holder recycles it.
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = pinfold::tagged_head<&frame::link>;
    using release = pinfold::free_at_zero<&recycle>;
};
static_assert(pinfold::counted_page<frame>);

void recycle(frame* head) noexcept { head->in_use = false; }

int main() {
    using ops = pinfold::page_ops<frame>;
    using heads = frame::pinfold_policy::head;

    // 3. A block of four frames: one head, three tails, one reference for the pool's user.
    std::array<frame, 4> block;
    for (std::size_t i = 1; i < block.size(); ++i) heads::make_tail(block[i], block[0]);
    block[0].in_use = true;
    block[0].count.init();

    // 4. A pin of any frame of the block holds the whole block.
    bool pinned_through_a_tail = false;
    bool survived = false;
    if (auto pin = pinfold::try_pin(&block[3])) {
        pinned_through_a_tail = ops::head(&block[3]) == &block[0] && pinfold::maybe_pinned(&block[1]);
        std::printf("word of the head while pinned through its last tail: %s\n",
                    pinfold::decoded_text(pinfold::decode<pool_count>(ops::raw(&block[0]))).c_str());
        ops::put(&block[0]);
        survived = block[0].in_use;
    }
    std::printf("recycled after the last pin: %s\n", block[0].in_use ? "no" : "yes");

    // 5. What follows from the budget is there to read.
    constexpr auto limits = pinfold::count_traits<pool_count>::limits;
    std::printf("at most %llu of %llu units are ever in use; pin number %llu would be one too many\n",
                static_cast<unsigned long long>(limits.units_needed),
                static_cast<unsigned long long>(limits.units_available),
                static_cast<unsigned long long>(limits.first_wrap));
    return pinned_through_a_tail && survived && !block[0].in_use && limits.fits() ? 0 : 1;
}
