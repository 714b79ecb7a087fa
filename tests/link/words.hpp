// SPDX-License-Identifier: BSL-1.0
// Uses every operation of every atomic word, so that what any of them needs from a library shows at link time.
#pragma once

#include <cstdint>

#include <pinfold/word/atomic_word.hpp>
#include <pinfold/word/ipc_word.hpp>

template <pinfold::count_word Word>
typename Word::value_type use() {
    using value = typename Word::value_type;
    Word word{value{1}};
    value seen = word.load();
    word.store(seen);
    word.publish(word.load_acquire());
    word.publish_add(value{1});
    word.adjust(value{1});
    word.adjust_sub(value{1});
    Word::rmw_fence();
    Word::full_fence();
    const bool any = word.hold(value{1}) || word.grab(value{1}) || word.drop(value{1}) ||
                     word.swap_if(seen, value{1}) || word.swap_if_weak(seen, value{1});
    return static_cast<value>(any ? word.fetch_grab(value{1}) : word.drop_fetch(value{1}));
}

inline std::int64_t use_all() {
    return use<pinfold::atomic_word<std::int8_t>>() + use<pinfold::atomic_word<std::int16_t>>() +
           use<pinfold::atomic_word<std::int32_t>>() + use<pinfold::atomic_word<std::int64_t>>() +
           use<pinfold::ipc_word<std::int8_t>>() + use<pinfold::ipc_word<std::int16_t>>() +
           use<pinfold::ipc_word<std::int32_t>>() + use<pinfold::ipc_word<std::int64_t>>();
}
