// SPDX-License-Identifier: BSL-1.0
// What a client does with its pages; a case whose policy is wrong does it too, and must hear of nothing else.
#pragma once

#include <cstdint>

#include <pinfold/pinfold.hpp>

template <class Page>
void everything(Page* p) {
    using ops = pinfold::page_ops<Page>;
    p->count.init();
    if (auto ref = pinfold::try_get(p)) {
        const auto more = ref.again();
        ops::get(pinfold::held{more}, p, 2);
        ops::put(p, 2);
    }
    pinfold::errc why{};
    if (auto pin = pinfold::try_pin(p, why)) {
        auto moved = static_cast<decltype(pin)&&>(pin).again();
        ops::pin(pinfold::held{moved}, p, 2);
        ops::unpin(p, 2);
    }
    if (const pinfold::outcome got = ops::try_pin(p, 3); !got && got.error == pinfold::errc::dead) return;
    if (ops::try_get_held(pinfold::held::assumed(), p) && ops::try_pin_held(pinfold::held::assumed(), p)) ops::put(p);
    if (pinfold::maybe_pinned(p) || ops::refs(p) > 1 || ops::raw(p) < 0) return;
    if (p->count.try_pin() && p->count.unpin() == pinfold::crossing::zero && p->count.is_dead()) p->count.init(2);
    if (p->count.freeze(1)) p->count.unfreeze(1);
    (void)ops::head(p);
}
