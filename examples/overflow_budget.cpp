// SPDX-License-Identifier: BSL-1.0
// How many pins fit a count word, and what stops the first one that does not?
#include <cinttypes>
#include <cstdint>
#include <cstdio>

#include <pinfold/pinfold.hpp>

// 1. The table of spec 01 §4.1, computed: 31 bits, 1024 units per pin, one other reference.
struct row {
    const char* page;
    std::uint64_t sub_pages;
    std::uint64_t expected;
};
constexpr row table[] = {
    {"4 KiB page", 1, 2'097'151},
    {"2 MiB page", 512, 4'095},
    {"1 GiB page", 262'144, 7},
    {"16 GiB page", 4'194'304, 0},
    {"512 GiB page", 134'217'728, 0},
};
constexpr bool as_specified() {
    for (const row& r : table)
        if (pinfold::full_pins_that_fit(32, 1024, r.sub_pages, 1) != r.expected) return false;
    return true;
}
static_assert(as_specified());

// 2. A promise that fits. Twice the holders would not compile: the error says how many units are needed and there.
struct promised : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 2000, .refs_each = 64, .pins_each = 1000, .batch = 512};
};
struct twice_the_holders : promised {
    static constexpr pinfold::budget budget{.holders = 4000, .refs_each = 64, .pins_each = 1000, .batch = 512};
};
static_assert(pinfold::count_policy<promised> && !pinfold::count_policy<twice_the_holders>);

// 3. Without a promise the limit is met at run time. A sink of one's own hears of it.
static int warnings = 0;
struct count_warnings : pinfold::process_warnings {
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warnings; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warnings; }
};
struct unpromised : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
    using warnings = count_warnings;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

int main() {
    std::puts("full pins of one page in 31 bits:");
    for (const row& r : table)
        std::printf("  %-14s%9" PRIu64 " sub-pages %10" PRIu64 "\n", r.page, r.sub_pages,
                    pinfold::full_pins_that_fit(32, 1024, r.sub_pages, 1));

    constexpr auto limits = pinfold::count_traits<promised>::limits;
    std::printf("promised: at most %" PRIu64 " of %" PRIu64 " units in use\n", limits.units_needed,
                limits.units_available);

    pinfold::count<unpromised> head;
    head.init();
    std::uint64_t granted = 0;
    while (head.try_pin(512) && granted < 10'000) ++granted;
    // The grab that crosses the limit still succeeds, as in Linux; the next ones are refused (spec 01 §4.2).
    std::printf("unpromised: %" PRIu64 " pins of a 2 MiB page granted, the next refused with %d warning\n", granted,
                warnings);
    const bool too_large = head.try_pin(4'194'304).error == pinfold::errc::batch_limit;
    for (std::uint64_t i = 0; i < granted; ++i) (void)head.unpin(512);
    std::printf("a 16 GiB page in one call: %s; after all releases the word is %d again\n",
                too_large ? "refused, its units would be 0 modulo 2^32" : "granted", static_cast<int>(head.raw()));
    return granted == 4096 && warnings == 2 && too_large && head.raw() == 1 ? 0 : 1;
}
