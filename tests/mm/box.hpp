// SPDX-License-Identifier: BSL-1.0
// What the tests of the reference MM share: both profiles with a ledger, a small machine, and the final audit. Each profile
// is the whole MM compiled once more: a file has one of its own only where none of these will do.
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <pinfold/mm.hpp>

namespace mmt {

namespace mm = pinfold::mm;
using namespace pinfold::mm::literals;
using mm::frame;
using mm::vaddr;
namespace foll = mm::foll;
namespace err = mm::err;

/// Runs a function once at a race point.
struct hooked {
    static inline thread_local std::array<std::function<void()>, static_cast<std::size_t>(mm::race_point::count_)> hooks;

    static void at(mm::race_point p) {
        auto& slot = hooks[static_cast<std::size_t>(p)];
        if (!slot) return;
        const auto act = std::exchange(slot, nullptr);
        act();
    }
    static void once(mm::race_point p, std::function<void()> act) {
        hooks[static_cast<std::size_t>(p)] = std::move(act);
    }
};

/// A filesystem told by the test what to do with pages that may be pinned, and something that happens once while a page
/// is under I/O. Left alone it is as both profiles have it.
struct steered_writeback : mm::ignore_pins {
    static inline mm::writeback_answer if_pinned = mm::writeback_answer::write;
    static inline std::function<void()> meanwhile;

    template <class Frame>
    [[nodiscard]] static mm::writeback_answer on_writeback(const Frame&, bool maybe_pinned) noexcept {
        return maybe_pinned ? if_pinned : mm::writeback_answer::write;
    }
    template <class Frame>
    static void under_io(const Frame&) {
        if (!meanwhile) return;
        std::exchange(meanwhile, nullptr)();
    }
};

/// The product's forms, and who owns each unit.
struct product_2019 : mm::foll_pin_2019 {
    using ledger = mm::shadow_ledger;
    static constexpr bool poisons_freed = true;
};
struct product_6_12 : mm::linux_6_12 {
    using ledger = mm::shadow_ledger;
    static constexpr bool poisons_freed = true;
};
static_assert(mm::walks_in_blocks<product_2019> && mm::walks_in_blocks<product_6_12>);

/// A test comes between any two steps of the walk, which therefore goes entry by entry.
struct checked_2019 : product_2019 {
    using races = hooked;
    using writeback = steered_writeback;
};
struct checked_6_12 : product_6_12 {
    using races = hooked;
    using writeback = steered_writeback;
};
static_assert(!mm::walks_in_blocks<checked_2019> && !mm::walks_in_blocks<checked_6_12>);

/// Descriptors with holes between sections.
struct sectioned_2019 : product_2019 {
    using memmap = mm::sectioned_memmap;
};
struct sectioned_6_12 : product_6_12 {
    using memmap = mm::sectioned_memmap;
};

template <class P>
inline constexpr bool is_2019 = std::is_base_of_v<mm::foll_pin_2019, P>;
/// The value of one profile or the other.
template <class P, class T>
constexpr T pick(T in_2019, T in_6_12) {
    return is_2019<P> ? in_2019 : in_6_12;
}

inline mm::options small(std::uint64_t ram = 64_MiB) {
    mm::options o;
    o.ram = ram;
    o.device_space = 16_MiB;
    return o;
}

template <class P>
struct world {
    explicit world(const mm::options& o = small()) : box(o), t(box.spawn()) {
        box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
    }
    ~world() {
        for (auto& h : hooked::hooks) h = nullptr;
    }

    /// Every unit of every count has an owner, and the statistics agree.
    void audit() {
        for (const std::string& fault : mm::audit(box)) FAIL_CHECK(fault);
    }
    vaddr map(std::uint64_t len, const mm::mapping& m = {}) {
        const auto r = t.mmap(len, m);
        REQUIRE(r.error == 0);
        return *r;
    }
    frame<P>* page_at(vaddr a) { return t.inspect(a).page.page; }
    std::int64_t refs(vaddr a) { return t.inspect(a).page.refs; }
    std::string letters(vaddr a) { return t.inspect(a).letters; }
    std::string flags(vaddr a) { return t.inspect(a).page.flags; }
    long pin(vaddr a, long n, unsigned flags = 0) {
        pages.assign(static_cast<std::size_t>(n > 0 ? n : 1), nullptr);
        return t.pin_user_pages_fast(a, n, flags, pages);
    }
    long pin_slow(vaddr a, long n, unsigned flags = 0) {
        pages.assign(static_cast<std::size_t>(n > 0 ? n : 1), nullptr);
        return t.pin_user_pages(a, static_cast<std::uint64_t>(n), flags, pages);
    }
    long get(vaddr a, long n, unsigned flags = 0) {
        pages.assign(static_cast<std::size_t>(n > 0 ? n : 1), nullptr);
        return t.get_user_pages_fast(a, n, flags, pages);
    }
    std::span<frame<P>* const> first(long n) { return {pages.data(), static_cast<std::size_t>(n)}; }
    void unpin(long n) { t.unpin_user_pages(first(n)); }
    void put(long n) { t.put_pages(first(n)); }
    /// A huge page mapped by one pmd, written.
    vaddr huge() {
        const vaddr a = map(2_MiB, {.huge = true});
        REQUIRE(t.store(a, 1) == mm::fault_result::ok);
        REQUIRE(t.inspect(a).at == mm::level::pmd);
        return a;
    }
    void split_entry(vaddr a) { (void)mm::split_or_drop_pmd(t.mm(), a); }

    mm::machine<P> box;
    mm::task<P>& t;
    std::vector<frame<P>*> pages;
};

}  // namespace mmt

#define BOTH_PROFILES(name, tag) TEMPLATE_TEST_CASE(name, tag, mmt::checked_2019, mmt::checked_6_12)
