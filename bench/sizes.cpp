// SPDX-License-Identifier: BSL-1.0
// What counting costs in memory: bytes that a policy set adds to a page of 64 bytes that has room for one word.
#include <pinfold/mm/frame.hpp>
#include <pinfold/mm/profile.hpp>
#include <pinfold/policy/sharded_statistics.hpp>

#include <string>

#include "pages.hpp"

namespace {

using namespace paired;

/// A page with as much of its own beside the count as makes 64 bytes with one 32-bit word.
template <class C, class Statistics>
struct page64 {
    struct pinfold_policy;
    pinfold::count<C> count;
    char rest[60];
};
template <class C, class Statistics>
void free64(page64<C, Statistics>*) noexcept {}
template <class C, class Statistics>
struct page64<C, Statistics>::pinfold_policy : pinfold::page_defaults<&page64::count> {
    using release = pinfold::free_at_zero<&free64<C, Statistics>>;
    using statistics = Statistics;
};

struct of_bench;

template <class C, class Statistics = pinfold::no_statistics>
void size_of(const std::string& policies, double added) {
    static_assert(pinfold::page_policy<typename page64<C, Statistics>::pinfold_policy, page64<C, Statistics>>);
    fact("20", "bytes added to a page of 64 with one word: " + policies, {added, added, "bytes"},
         static_cast<double>(sizeof(page64<C, Statistics>)) - 64);
}

}  // namespace

int main() {
    size_of<pinfold::count_defaults>("defaults", 0);
    size_of<zero_is_dead_count>("zero_is_dead", 0);
    size_of<load_test_count>("looking first", 0);
    size_of<pinfold::count_defaults, pinfold::sharded_statistics<of_bench>>("statistics", 0);
    size_of<exact_count>("exact pins in a second word", 4);
    fact("20", "sizeof a page of the reference MM, linux_6_12", {64, 64, "bytes"}, sizeof(pinfold::mm::frame<pinfold::mm::linux_6_12>));
    fact("20", "sizeof a page of the reference MM, foll_pin_2019", {64, 64, "bytes"},
         sizeof(pinfold::mm::frame<pinfold::mm::foll_pin_2019>));
    return 0;
}
