// SPDX-License-Identifier: BSL-1.0
// Is my own way of letting go right, under every interleaving? Finds a bug, shows its schedule, proves the repair.
#include <pinfold/pinfold.hpp>

#include <pinfold/check.hpp>

#include <cstdio>

namespace check = pinfold::check;

// 1. My policy, as the program uses it, and the same code on words the explorer sees.
struct my_count : pinfold::count_defaults {
    using pins = pinfold::overlay_pins<256>;
    static constexpr pinfold::budget budget{.holders = 8, .refs_each = 4, .pins_each = 4, .batch = 8};
};
struct buffer {
    pinfold::count<check::explored<my_count>> count;
    check::lifetime memory;  // what the count protects
};

// 2. My own release. The first try looks at the count after it has let go …
struct looks_afterwards {
    static void let_go(buffer& b, pinfold::crossing) {
        if (b.count.refs() == 0) b.memory.end();
    }
};
// … the second believes what the release itself says: one thread is told "zero", once.
struct believes_the_release {
    static void let_go(buffer& b, pinfold::crossing reached) {
        if (reached == pinfold::crossing::zero) b.memory.end();
    }
};

// 3. Two devices pin the buffer while its owner lets it go.
template <class Release>
void scenario(check::program& p) {
    auto& b = p.make<buffer>("buffer");
    p.name(b.count, "count"), p.name(b.memory, "memory");
    b.count.init(1);
    for (int device = 0; device < 2; ++device)
        p.thread([&b] {
            const auto pin = b.count.try_pin();
            if (!pin) return;
            b.memory.use();
            Release::let_go(b, b.count.unpin());
        });
    p.thread([&b] { Release::let_go(b, b.count.put()); });
    p.at_end([&b] { check::that(!b.memory.alive(), "the buffer is given back"); });
}

int main() {
    // 4. The bug, as the schedule that shows it. examples/replay.cpp steps through such a schedule.
    const auto wrong = check::explore("looks afterwards", scenario<looks_afterwards>);
    wrong.print();

    // 5. The repair, in all interleavings.
    const auto repaired = check::explore("believes the release", scenario<believes_the_release>);
    repaired.print();

    // 6. And the policy itself, law by law.
    const auto laws = check::check_policy<my_count>("my_count");
    laws.print();
    return !wrong && repaired.proved() && laws.passed() ? 0 : 1;
}
