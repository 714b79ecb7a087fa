// SPDX-License-Identifier: BSL-1.0
// Grabbing many pages: the algorithm behind try_pin_all and try_get_all, on an array of page pointers.
#pragma once

#include "held_runs.hpp"

namespace pinfold::detail {

/// The largest n of one grab of Hold.
template <class Hold, class Ops>
inline constexpr std::uint64_t largest_grab = Ops::traits::batch_max(
    Hold::kind == hold_kind::pin && Ops::traits::form != pin_form::exact ? Ops::traits::pin_unit : 1);

/// How far a batch came: elements before `done` that are not null each hold one unit; nothing after does.
struct grab_progress {
    std::size_t done = 0;
    errc error = errc::ok;
};

/// Effects: one speculative unit of Hold per element of pages[0, n), one RMW per run of one head. After the RMW
/// every page of the run is resolved again: those whose head changed meanwhile are taken back and tried anew
/// (DEF-14). Stops at the first refusal; what was granted stays.
template <class Hold, class Page>
grab_progress grab_array(Page* const* pages, std::size_t n) noexcept {
    using ops = page_ops<Page>;
    constexpr std::uint64_t most = largest_grab<Hold, ops>;
    std::size_t i = 0;
    std::size_t look_again = 0;
    while (i < n) {
        if (singles<Hold, Page> few; i >= look_again && few.look(pages + i, n - i)) {
            std::size_t k = 0;
#pragma GCC unroll 8
            for (; k < singles_at_once; ++k) {
                const outcome got = ops::template try_grab_head<Hold>(few.heads[k], 1);
                if (!got) [[unlikely]]
                    return {i + k, got.error};
                if constexpr (!ops::policy::head::stable) {
                    if (ops::head(pages[i + k]) != few.heads[k]) [[unlikely]] {
                        ops::template undo_grab_head<Hold>(few.heads[k], 1);
                        break;
                    }
                }
                ops::template record<Hold>(few.heads[k], 1);
            }
            i += k;
            if (k == singles_at_once) continue;
        }
        if (i >= look_again) look_again = i + singles_at_once;
        if (pages[i] == nullptr || Hold::is_exempt(*pages[i])) {
            ++i;
            continue;
        }
        Page* const head = ops::head(pages[i]);
        std::size_t j = i + 1;
        while (j < n && j - i < most && pages[j] != nullptr && !Hold::is_exempt(*pages[j]) &&
               ops::head(pages[j]) == head)
            ++j;
        const outcome got = ops::template try_grab_head<Hold>(head, j - i);
        if (!got) return {i, got.error};
        std::size_t stable = j;
        if constexpr (!ops::policy::head::stable) {
            stable = i;
            while (stable < j && ops::head(pages[stable]) == head) ++stable;
            if (stable < j) ops::template undo_grab_head<Hold>(head, j - stable);
        }
        if (stable > i) ops::template record<Hold>(head, stable - i);
        i = stable;
    }
    return {n, errc::ok};
}

/// Effects: gives back what grab_array granted to pages[0, n), run by run, from the same heads (INV-7).
template <class Hold, class Page>
void release_array(Page* const* pages, std::size_t n) noexcept {
    (void)for_each_held_run<Hold>(pages, n, [](Page* head, std::size_t count) {
        page_ops<Page>::template drop_head<Hold>(head, count);
    });
}

}  // namespace pinfold::detail
