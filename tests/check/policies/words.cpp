// SPDX-License-Identifier: BSL-1.0
// The kit explores the word of the policy or says that it did not: it proves nothing about a word by exploring another.
#include "shipped.hpp"

using namespace shipped;

namespace {

/// A word of somebody's own, over whichever atomic: who drops reads first and stores then, so drops get lost.
template <class Atomic, class T>
class torn_word : public pinfold::detail::boost_word<Atomic, T> {
    using base = pinfold::detail::boost_word<Atomic, T>;

public:
    torn_word() noexcept = default;
    explicit torn_word(T v) noexcept : base(v) {}
    bool drop(T n) noexcept { return drop_fetch(n) == 0; }
    T drop_fetch(T n) noexcept {
        const T left = detail::wrap_sub(base::load(), n);
        base::store(left);
        return left;
    }
    static void rmw_fence() noexcept { check::fence(check::order::seq_cst); }
    static void full_fence() noexcept { check::fence(check::order::seq_cst); }
};
template <class Atomic, class T>
class told_word : public torn_word<Atomic, T> {
public:
    using torn_word<Atomic, T>::torn_word;
};

template <class Word>
struct counted : policy<std::int32_t, exact_pins, zero_is_dead, refuse> {
    using word = Word;
};
template <class Word>
check::report examined(const char* name) {
    return check::check_policy<counted<Word>, check::library, check::threads | check::pages>(name);
}
check::verdict of(const check::report& r, const check::law& l) {
    for (const check::finding& f : r.findings())
        if (f.of.name == std::string(l.name)) return f.is;
    FAIL("the report does not speak of the law");
    return check::verdict::broken;
}

}  // namespace

template <class T>
struct pinfold::check::explored_word<told_word<boost::atomic<T>, T>> {
    using type = told_word<pinfold::check::atomic<T>, T>;
};

TEST_CASE("no law of threads is called kept of a word that was not explored") {
    const auto r = examined<torn_word<boost::atomic<std::int32_t>, std::int32_t>>("a word of my own");
    INFO(r.text());
    for (const check::law* l : {&check::laws::no_use_after_free, &check::laws::walker_or_unmapper, &check::laws::hook_once})
        CHECK(of(r, *l) == check::verdict::not_proved);
    CHECK(of(r, check::laws::head_counts) == check::verdict::kept);
    CHECK(!r.passed());
    CHECK(!r.any_broken());
    CHECK(r.text().find("BREAKS") == std::string::npos);
    CHECK(r.text().find("a word of my own: NOT PROVED\n") == 0);
    CHECK(r.text().find("explored_word") != std::string::npos);
}

TEST_CASE("a word of one's own that says what stands for it is explored, and its fault is found") {
    const auto r = examined<told_word<boost::atomic<std::int32_t>, std::int32_t>>("the same, told");
    INFO(r.text());
    CHECK(r.any_broken());
    CHECK(of(r, check::laws::last_release_acquires) == check::verdict::broken);
    CHECK(r.text().find("the same, told: BREAKS a law\n") == 0);
}

TEST_CASE("the laws of threads do not apply to a word for one thread") {
    const auto r = examined<unsync_word<std::int32_t>>("unsync_word");
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.executions() == 0);
    CHECK(of(r, check::laws::no_use_after_free) == check::verdict::not_applicable);
    CHECK(of(r, check::laws::hook_once) == check::verdict::not_applicable);
}

TEST_CASE("only what was cut at a limit is not proved, which is not the same as broken") {
    const auto r = check::check_policy<counted<ipc_word<std::int32_t>>, check::library, check::threads>(
        "stopped", {.interleavings = {.executions = 3}});
    CHECK(!r.passed());
    CHECK(!r.any_broken());
    CHECK(r.text().find("stopped: NOT PROVED\n") == 0);
}
