// SPDX-License-Identifier: BSL-1.0
// One thread only: does a count without atomic instructions give the same results?
#include <cstdint>
#include <cstdio>
#include <string>

#include <pinfold/pinfold.hpp>

// 1. The word is one alias of the policy; everything else stays as it is.
template <class Word>
struct count_with : pinfold::count_defaults {
    using word = Word;
};

template <class Word>
struct frame {
    struct pinfold_policy;
    pinfold::count<count_with<Word>> count;
    int freed = 0;
};
template <class Word>
void give_back(frame<Word>& f) noexcept {
    ++f.freed;
}
template <class Word>
struct frame<Word>::pinfold_policy : pinfold::page_defaults<&frame<Word>::count> {
    using release = pinfold::free_at_zero<&give_back<Word>>;
};

// 2. One life of a frame, told step by step.
template <class Word>
std::string one_life() {
    using page = frame<Word>;
    using ops = pinfold::page_ops<page>;
    page f;
    std::string story;
    const auto tell = [&](const char* what) {
        story += std::string(what) + ": " + std::to_string(ops::raw(&f)) + (f.count.is_dead() ? " dead" : "") +
                 (pinfold::maybe_pinned(&f) ? " pinned" : "") + "\n";
    };
    tell("never allocated");
    f.count.init(2);
    tell("two references");
    auto pin = pinfold::try_pin(&f);
    auto more = pin.again();
    tell("two pins more");
    ops::put(&f, 2);
    tell("owner gone");
    more.reset();
    pin.reset();
    tell("last pin gone");
    return story + "freed " + std::to_string(f.freed) + " time, pin now " +
           (pinfold::try_pin(&f) ? "granted" : "refused") + "\n";
}

int main() {
    const std::string atomic = one_life<pinfold::atomic_word<std::int32_t>>();
    const std::string plain = one_life<pinfold::unsync_word<std::int32_t>>();
    std::printf("%s\nwith unsync_word: %s\n", atomic.c_str(), atomic == plain ? "the same" : plain.c_str());
    return atomic == plain ? 0 : 1;
}
