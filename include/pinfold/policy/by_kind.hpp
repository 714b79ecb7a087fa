// SPDX-License-Identifier: BSL-1.0
// Device pages beside ordinary ones: the release depends on the kind of page, behind a switch.
// Source: spec 03 §3 page_is_devmap_managed.
#pragma once

#include <cstdint>

#include "../core/config.hpp"
#include "../word/atomic_word.hpp"

namespace pinfold {

/// A process-wide switch that is on while at least one device exists. Off, it costs one load of a line nobody
/// writes and a branch that is never taken. Tag: one switch per tag.
template <class Tag>
class device_switch {
public:
    [[nodiscard]] PINFOLD_DETAIL_HOT static bool on() noexcept { return devices_.load() != 0; }
    /// Requires: called before the first page of the device can be grabbed. Synchronises: sequentially consistent.
    static void device_added() noexcept { (void)devices_.grab(1); }
    /// Requires: called when no page of the device can be held any more.
    static void device_removed() noexcept { (void)devices_.drop(1); }

private:
    static inline constinit atomic_word<std::int32_t> devices_{0};  // before any constructor may add a device
};

/// Pages for which IsDevice(page) is true are released by Device, the others by Ordinary; while Switch::on() is
/// false every page is ordinary. Device and Ordinary are release policies (hooks, on_release<…>, no_release).
/// IsDevice must not throw. It is asked before the count is lowered, since afterwards the page may be gone. It takes `const Page&`.
template <class Switch, auto IsDevice, class Device, class Ordinary>
struct by_kind {
    using device = Device;
    using ordinary = Ordinary;

    template <class Page>
    PINFOLD_DETAIL_HOT static bool is_device(const Page& head) noexcept {
        return Switch::on() && IsDevice(head);
    }
};

}  // namespace pinfold
