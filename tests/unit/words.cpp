// SPDX-License-Identifier: BSL-1.0
// Every word, every width: the operations mean the same everywhere, also between processes.
#include <catch2/catch.hpp>

#include <pinfold/word/ipc_word.hpp>

#include <limits>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recorder.hpp"

using namespace pinfold;

namespace {

template <class T>
struct silent {
    static void before(word_access, const void*, std::int64_t) noexcept {}
};
template <class T>
using probed = probed_word<atomic_word<T>, silent<T>>;

template <class W>
void means_what_it_says() {
    using T = typename W::value_type;
    constexpr T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    static_assert(count_word<W>);
    W w{T{5}};
    CHECK((w.load() == 5 && w.load_acquire() == 5));
    CHECK(W{}.load() == 0);
    w.store(T{-3});
    CHECK(w.load() == -3);
    w.publish(T{40});
    w.publish_add(T{2});
    w.adjust(T{8});
    w.adjust_sub(T{20});
    CHECK(w.load() == 30);

    w.store(T{-1});
    CHECK_FALSE(w.hold(T{1}));  // 0 is not negative
    CHECK(w.load() == 0);
    CHECK(w.hold(T{-1}));
    w.store(T{-1});
    CHECK_FALSE(w.grab(T{1}));
    w.store(T{-2});
    CHECK(w.grab(T{1}));
    w.store(high);
    CHECK(w.grab(T{1}));  // wraps
    CHECK(w.load() == low);
    CHECK(w.fetch_grab(T{-1}) == low);
    CHECK(w.load() == high);
    w.store(high);
    CHECK(w.hold(T{1}));
    CHECK(w.load() == low);
    w.adjust_sub(T{1});
    CHECK(w.load() == high);

    w.store(T{7});
    CHECK_FALSE(w.drop(T{6}));
    CHECK(w.drop(T{1}));
    CHECK_FALSE(w.drop(T{1}));
    CHECK(w.load() == -1);
    CHECK(w.drop(T{-1}));
    CHECK(w.drop_fetch(T{9}) == -9);
    w.store(low);
    CHECK(w.drop(low));
    CHECK(w.drop_fetch(low) == low);

    w.store(T{11});
    T expected = 10;
    CHECK_FALSE(w.swap_if(expected, T{1}));
    CHECK((expected == 11 && w.load() == 11));
    CHECK((w.swap_if(expected, T{12}) && w.load() == 12));
    expected = 11;
    CHECK_FALSE(w.swap_if_weak(expected, T{1}));
    CHECK(expected == 12);
    while (!w.swap_if_weak(expected, T{13})) CHECK(expected == 12);
    CHECK(w.load() == 13);
    W::rmw_fence();
    W::full_fence();
}

template <class W>
struct counted : count_defaults {
    using word = W;
    using pins = overlay_pins<4>;
    static constexpr pinfold::budget budget{.holders = 2, .refs_each = 6, .pins_each = 4, .batch = 4};
};

/// A short life on any word.
template <class W>
void lives() {
    pinfold::count<counted<W>> c;
    static_assert(sizeof(c) == sizeof(typename W::value_type));
    CHECK(c.is_dead());
    CHECK(c.try_pin().error == errc::dead);
    c.init(2);
    CHECK((c.try_pin(2) && c.raw() == 10));
    CHECK((c.put(2) == crossing::none && c.unpin() == crossing::none && c.unpin() == crossing::zero));
    CHECK(c.raw() == count_traits<counted<W>>::dead_value);
}

template <template <class> class Word>
void every_width() {
    means_what_it_says<Word<std::int8_t>>();
    means_what_it_says<Word<std::int16_t>>();
    means_what_it_says<Word<std::int32_t>>();
    means_what_it_says<Word<std::int64_t>>();
}

}  // namespace

TEST_CASE("the atomic word does what its table says, in every width") { every_width<atomic_word>(); }
TEST_CASE("the shared word does what its table says, in every width") { every_width<ipc_word>(); }
TEST_CASE("the plain word does what its table says, in every width") { every_width<unsync_word>(); }
TEST_CASE("the probed word does what its table says, in every width") { every_width<probed>(); }

TEST_CASE("a count lives on every word") {
    lives<atomic_word<std::int8_t>>(), lives<atomic_word<std::int16_t>>();
    lives<atomic_word<std::int32_t>>(), lives<atomic_word<std::int64_t>>();
    lives<ipc_word<std::int8_t>>(), lives<ipc_word<std::int16_t>>();
    lives<ipc_word<std::int32_t>>(), lives<ipc_word<std::int64_t>>();
    lives<unsync_word<std::int8_t>>(), lives<unsync_word<std::int16_t>>();
    lives<unsync_word<std::int32_t>>(), lives<unsync_word<std::int64_t>>();
}

TEST_CASE("dead is a quarter of the way up from the smallest value, in every width") {
    CHECK(count_traits<counted<unsync_word<std::int8_t>>>::dead_value == -64);
    CHECK(count_traits<counted<unsync_word<std::int16_t>>>::dead_value == -16384);
    CHECK(count_traits<counted<unsync_word<std::int32_t>>>::dead_value == -1073741824);
    CHECK(count_traits<counted<unsync_word<std::int64_t>>>::dead_value == -(std::int64_t{1} << 62));
}

namespace {
struct told {
    static inline int times = 0;
    static inline word_access access{};
    static inline const void* where = nullptr;
    static inline std::int64_t n = 0;
    static void before(word_access a, const void* w, std::int64_t v) noexcept { ++times, access = a, where = w, n = v; }
};
}  // namespace

TEST_CASE("a probe is told of each access before it happens") {
    probed_word<unsync_word<std::int32_t>, told> w{3};
    const auto tells = [&](word_access a, std::int64_t n, auto op) {
        const int before = told::times;
        op();
        return told::times == before + 1 && told::access == a && told::n == n;
    };
    CHECK(tells(word_access::load, 0, [&] { (void)w.load(); }));
    CHECK(tells(word_access::load_acquire, 0, [&] { (void)w.load_acquire(); }));
    CHECK(tells(word_access::store, 4, [&] { w.store(4); }));
    CHECK(tells(word_access::publish, 5, [&] { w.publish(5); }));
    CHECK(tells(word_access::publish_add, 6, [&] { w.publish_add(6); }));
    CHECK(tells(word_access::adjust, 7, [&] { w.adjust(7); }));
    CHECK(tells(word_access::adjust_sub, 8, [&] { w.adjust_sub(8); }));
    CHECK(tells(word_access::hold, 9, [&] { (void)w.hold(9); }));
    CHECK(tells(word_access::grab, 10, [&] { (void)w.grab(10); }));
    CHECK(tells(word_access::grab, 11, [&] { (void)w.fetch_grab(11); }));
    CHECK(tells(word_access::drop, 12, [&] { (void)w.drop(12); }));
    CHECK(tells(word_access::drop, 13, [&] { (void)w.drop_fetch(13); }));
    std::int32_t e = 0;
    CHECK(tells(word_access::swap_if, 14, [&] { (void)w.swap_if(e, 14); }));
    CHECK(tells(word_access::swap_if, 15, [&] { (void)w.swap_if_weak(e, 15); }));
    const void* const address = told::where;
    CHECK((address >= static_cast<const void*>(&w) && address < static_cast<const void*>(&w + 1)));
    CHECK(tells(word_access::rmw_fence, 0, [&] { w.rmw_fence(); }));
    CHECK(told::where == nullptr);
    CHECK(tells(word_access::full_fence, 0, [&] { w.full_fence(); }));
}

namespace {
struct shared_count : count_defaults {
    using word = ipc_word<std::int32_t>;
};
struct shared_page {
    pinfold::count<shared_count> count;
    ipc_word<std::int32_t> freed{0}, granted{0};
};
}  // namespace

TEST_CASE("two processes count on one page, and one of them frees it") {
    void* const memory = ::mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    auto& page = *new (memory) shared_page;
    constexpr int rounds = 20000;
    page.count.init(1);
    const auto work = [&] {
        int granted = 0;
        for (int i = 0; i < rounds; ++i) {
            if (!page.count.try_pin()) continue;
            ++granted;
            if (page.count.try_get() && page.count.put() == crossing::zero) page.freed.adjust(1);
            if (page.count.unpin() == crossing::zero) page.freed.adjust(1);
        }
        page.granted.adjust(granted);
    };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        ::_exit(0);
    }
    work();
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(page.granted.load() == 2 * rounds);
    CHECK(page.freed.load() == 0);
    CHECK(page.count.raw() == 1);
    CHECK(page.count.put() == crossing::zero);
    CHECK(page.count.is_dead());

    // The page dies under both: its last reference is given back while they pin.
    page.count.init(1);
    page.granted.store(0);
    const pid_t second = ::fork();
    REQUIRE(second >= 0);
    if (second == 0) {
        work();
        ::_exit(0);
    }
    if (page.count.put() == crossing::zero) page.freed.adjust(1);
    work();
    REQUIRE(::waitpid(second, &status, 0) == second);
    CHECK(status == 0);
    CHECK(page.freed.load() == 1);
    CHECK(page.count.raw() == -(1 << 30));
    ::munmap(memory, sizeof(shared_page));
}
