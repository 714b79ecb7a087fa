// SPDX-License-Identifier: BSL-1.0
// Mutants of the word: the arithmetic is right and one memory order is not. The count is the library's own.
#include "table.hpp"

namespace mutants {

namespace laws = check::laws;
using check::order;

/// The orders of a word as they should be.
struct right_orders {
    static constexpr order drop = order::acq_rel, publish = order::release, swap = order::seq_cst;
    static constexpr order adjust_sub = order::release;
    static constexpr bool fenced = true;
};

/// A word that hides the operations whose order a mutant may change.
template <class T, class Orders>
class ordered_word : public check::word<T> {
    using base = check::word<T>;

public:
    ordered_word() noexcept : ordered_word(T{0}) {}
    explicit ordered_word(T v) noexcept : value_(v) {}

    T load() const noexcept { return value_.load(order::relaxed); }
    T load_acquire() const noexcept { return value_.load(order::acquire); }
    void store(T v) noexcept { value_.store(v, order::relaxed); }
    void publish(T v) noexcept { value_.store(v, Orders::publish); }
    void publish_add(T n) noexcept { (void)value_.fetch_add(n, Orders::publish); }
    void adjust(T n) noexcept { (void)value_.fetch_add(n, order::relaxed); }
    void adjust_sub(T n) noexcept { (void)value_.fetch_sub(n, Orders::adjust_sub); }
    bool hold(T n) noexcept { return pinfold::detail::wrap_add(value_.fetch_add(n, order::relaxed), n) < 0; }
    bool grab(T n) noexcept { return pinfold::detail::wrap_add(fetch_grab(n), n) < 0; }
    T fetch_grab(T n) noexcept { return value_.fetch_add(n, Orders::swap); }
    bool drop(T n) noexcept { return drop_fetch(n) == 0; }
    T drop_fetch(T n) noexcept { return pinfold::detail::wrap_sub(value_.fetch_sub(n, Orders::drop), n); }
    bool swap_if(T& e, T d) noexcept { return value_.compare_exchange(e, d, Orders::swap, order::relaxed, false); }
    bool swap_if_weak(T& e, T d) noexcept { return value_.compare_exchange(e, d, Orders::swap, order::relaxed, true); }
    static void rmw_fence() noexcept {
        if (Orders::fenced) check::fence(order::seq_cst);
    }
    static void full_fence() noexcept { check::fence(order::seq_cst); }

private:
    check::atomic<T> value_;
};

template <class Orders>
struct with_word : check::library {
    template <class W>
    using word = ordered_word<typename W::value_type, Orders>;
};

struct relaxed_drop : right_orders {
    static constexpr order drop = order::relaxed;
};
struct release_only_drop : right_orders {
    static constexpr order drop = order::release;
};
struct acquire_only_drop : right_orders {
    static constexpr order drop = order::acquire;
};
struct relaxed_publish : right_orders {
    static constexpr order publish = order::relaxed;
};
struct relaxed_swap : right_orders {
    static constexpr order swap = order::relaxed;
};
struct no_rmw_fence : right_orders {
    static constexpr bool fenced = false;
};

}  // namespace mutants

using namespace mutants;

TEST_CASE("a word with the right orders keeps the laws of threads") {
    const auto r = check::check_policy<sticky, with_word<right_orders>, check::threads>("right orders");
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE("mutants of the memory order are rejected by a race or a stale read") {
    constexpr unsigned part = check::threads;
    // Under sticky_dead the compare-exchange that kills the head acquires as well; without it the drop is alone.
    rejected<linux_like, with_word<relaxed_drop>, part>("relaxed last drop", laws::last_release_acquires);
    rejected<linux_like, with_word<release_only_drop>, part>("last drop without acquire", laws::last_release_acquires);
    rejected<linux_like, with_word<acquire_only_drop>, part>("drop without release", laws::last_release_acquires);
    rejected<sticky, with_word<acquire_only_drop>, part>("drop without release, sticky", laws::last_release_acquires);
    rejected<sticky, with_word<relaxed_publish>, part>("unfreeze without release", laws::frozen_alone);
    rejected<sticky, with_word<relaxed_swap>, part>("grab without acquire", laws::frozen_alone);
    rejected<sticky, with_word<no_rmw_fence>, part>("no fence behind the pin", laws::walker_or_unmapper);
}
