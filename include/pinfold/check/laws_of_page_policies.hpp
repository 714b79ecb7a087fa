// SPDX-License-Identifier: BSL-1.0
// The laws of pages whose release depends on what they are, and of pins that are counted thread by thread: by_kind and
// sharded_statistics beside the policy that is examined.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "../policy/by_kind.hpp"
#include "../policy/self_head.hpp"
#include "../policy/sharded_statistics.hpp"
#include "laws_of_counting.hpp"
#include "report.hpp"
#include "sizes.hpp"
#include "subject.hpp"

namespace pinfold::check {

namespace laws {
inline constexpr law release_by_kind{"release by kind", "a device's page is released as one while there is a device, every other as ordinary, and the kind is asked before"};
inline constexpr law totals_agree{"totals agree", "totals of pins grow by what is granted and by what is given back, the latter before the page can be freed"};
}  // namespace laws

namespace detail {

template <class P, class Subject>
class page_policy_laws {
    using traits = count_traits<P>;

    struct frame {
        pinfold::count<with_sizes<P, alone<P>>> count;
        unsync_word<std::intptr_t> size;
        bool is_a_device = false;
        int idles = 0, device_frees = 0, ordinary_frees = 0;
        mutable int late = 0;  ///< questions for the kind after the end
        std::int64_t live = 0; ///< pins by the totals when it was freed

        static void idle(frame* f) noexcept { ++f->idles; }
        static void device_free(frame* f) noexcept { ++f->device_frees; }
        static void ordinary_free(frame* f) noexcept { ++f->ordinary_frees, f->live = statistics::totals().live(); }
        static bool is_device(const frame& f) noexcept {
            f.late += f.device_frees + f.ordinary_frees != 0;
            return f.is_a_device;
        }
        using devices = device_switch<frame>;
        using statistics = sharded_statistics<frame>;
        struct pinfold_policy {
            using page = frame;
            using head = self_head;
            using release = by_kind<devices, &frame::is_device,
                                    std::conditional_t<traits::overflow == overflow_rule::saturate, free_at_zero<&frame::device_free>,
                                                       on_release<idle_at_one<&frame::idle>, free_at_zero<&frame::device_free>>>,
                                    free_at_zero<&frame::ordinary_free>>;
            using statistics = typename frame::statistics;
            using exempt = nothing_exempt;
            using dirtying = no_dirtying;
            using trace = no_trace;
            static auto& count_of(frame& f) noexcept { return f.count; }
        };
    };
    using ops = typename Subject::template ops<frame>;

public:
    static trial release_by_kind() {
        trial t;
        for (const bool exists : {false, true})
            for (const bool is_a_device : {false, true}) {
                if (exists) frame::devices::device_added();
                frame f;
                f.is_a_device = is_a_device;
                f.count.init(1);
                const bool as_device = exists && is_a_device;
                const auto page = [&] {
                    return std::string(is_a_device ? "a device's page" : "an ordinary page") + (exists ? "" : ", while there is no device,");
                };
                const bool got = static_cast<bool>(ops::try_pin(&f, 2));
                ops::unpin(&f, 2);
                const bool has_idle = traits::overflow != overflow_rule::saturate;
                t.need(got && f.idles == (as_device && has_idle ? 1 : 0), [&] { return page() + " is idle " + std::to_string(f.idles) + " times"; });
                ops::put(&f, 1);
                t.need(f.device_frees == (as_device ? 1 : 0) && f.ordinary_frees == (as_device ? 0 : 1), [&] { return page() + " is freed as the other kind"; });
                t.need(f.late == 0, [&] { return page() + " is asked for its kind when it may be freed already"; });
                if (exists) frame::devices::device_removed();
            }
        return t;
    }

    static trial totals_agree() {
        trial t;
        using statistics = typename frame::statistics;
        const pin_totals before = statistics::totals();
        const auto grown = [&](std::uint64_t acquired, std::uint64_t released) {
            const pin_totals now = statistics::totals();
            return now.acquired - before.acquired == acquired && now.released - before.released == released;
        };
        frame f;
        f.count.init(1);
        const bool got = static_cast<bool>(ops::try_pin(&f, 2));
        t.need(got && grown(2, 0), [&] { return "two pins at once are not counted as two"; });
        ops::unpin(&f, 2);
        t.need(grown(2, 2), [&] { return "two pins given back at once are not counted as two"; });
        ops::pin(held::assumed(), &f, 1);
        t.need(grown(3, 2), [&] { return "a pin under evidence is not counted"; });
        (void)ops::try_get(&f, 1);
        ops::put(&f, 2);
        t.need(grown(3, 2), [&] { return "references are counted as pins"; });
        ops::unpin(&f, 1);
        t.need(grown(3, 3) && f.ordinary_frees == 1 && f.live == before.live(), [&] { return "the page was freed before the release was counted"; });
        t.need(!ops::try_pin(&f, 1) && grown(3, 3), [&] { return "a refused pin is counted"; });
        return t;
    }
};

}  // namespace detail

}  // namespace pinfold::check
