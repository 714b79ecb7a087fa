// SPDX-License-Identifier: BSL-1.0
// What bounds the walk, each in a function of its own: the simulator of tests/instructions counts the instructions of
// everything `measured` calls. Prints the name of each and how many operations (pages, or calls) it did.
#include <cstdint>
#include <cstdio>

#include "../scene.hpp"

namespace {

using profile = walks::mm::linux_6_12;
using page = walks::mm::frame<profile>;

constexpr std::uint64_t pages = 512;
constexpr std::uint64_t times = 8;

walks::scene<profile>& of_pages() {
    static walks::scene<profile> s(pages, {}, std::uint64_t{64} << 20);
    return s;
}
template <class F>
void repeat(F call) {
    auto& s = of_pages();
    for (std::uint64_t k = 0; k < times; ++k)
        call(s.t.mm(), s.a, s.pages.data());
}

}  // namespace

extern "C" {
[[gnu::noinline]] void bare_pin_512() {
    repeat([](auto& mm, auto a, page** to) { bounds::pin<profile>(mm, a, pages, to); });
}
[[gnu::noinline]] void right_pin_512() {
    repeat([](auto& mm, auto a, page** to) { bounds::pin_rightly<profile>(mm, a, pages, to); });
}
[[gnu::noinline]] void bare_pin_1() {
    repeat([](auto& mm, auto a, page** to) { bounds::pin<profile>(mm, a, 1, to); });
}
[[gnu::noinline]] void right_pin_1() {
    repeat([](auto& mm, auto a, page** to) { bounds::pin_rightly<profile>(mm, a, 1, to); });
}
[[gnu::noinline]] void give_back(std::uint64_t n) {
    repeat([n](auto&, auto, page** of) { bounds::unpin<profile>(of, n); });
}
[[gnu::noinline]] void measured() {
    bare_pin_512();
    give_back(pages);
    right_pin_512();
    give_back(pages);
    bare_pin_1();
    give_back(1);
    right_pin_1();
    give_back(1);
}
}

int main() {
    of_pages().pin(pages);  // whatever is made at first use is there by now
    of_pages().unpin(pages);
    measured();
    for (const char* name : {"bare_pin_512", "right_pin_512"})
        std::printf("%s %d\n", name, static_cast<int>(times * pages));
    for (const char* name : {"bare_pin_1", "right_pin_1"})
        std::printf("%s %d\n", name, static_cast<int>(times));
    return 0;
}
