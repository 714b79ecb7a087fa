// SPDX-License-Identifier: BSL-1.0
// Page objects: what inspect and pinspect show of a page, member by member in the order of the language.
#pragma once

#include "world.hpp"

namespace scenario {

namespace detail {

template <class P>
void add_state(page_object& o, world<P>& w, const mm::page_state<P>& s) {
    if (s.kind == mm::page_kind::nopage) {
        o.emplace_back("kind", std::string(name_of(s.kind)));
        return;
    }
    std::visit([&](const auto& id) { o.emplace_back("id", id); }, w.name_of(s.page));
    o.emplace_back("kind", std::string(name_of(s.kind)));
    if (s.kind == mm::page_kind::huge_zero) return;
    o.emplace_back("ord", std::int64_t{s.order});
    o.emplace_back("idx", static_cast<std::int64_t>(s.index));
    if (s.kind == mm::page_kind::zero) {
        o.emplace_back("ref", w.zero_refs());
        return;
    }
    o.emplace_back("ref", s.refs);
    if (s.pins) o.emplace_back("pins", *s.pins);
    else o.emplace_back("pins", nullptr);
    o.emplace_back("mc", std::int64_t{s.mapcount});
    o.emplace_back("fmc", std::int64_t{s.folio_mapcount});
    o.emplace_back("dma", s.maybe_pinned);
    if (s.cma) o.emplace_back("zone", std::string("cma"));
    else if (s.zone == mm::zone_kind::movable) o.emplace_back("zone", std::string("movable"));
    o.emplace_back("f", s.flags);
}

[[nodiscard]] inline const char* map_name(mm::entry_kind k) noexcept {
    switch (k) {
        case mm::entry_kind::swap: return "swap";
        case mm::entry_kind::migration: return "migration";
        case mm::entry_kind::device_private: return "devpriv";
        case mm::entry_kind::marker: return "marker";
        case mm::entry_kind::none: return "none";
        default: return "other";
    }
}

}  // namespace detail

/// What an address shows.
template <class P>
[[nodiscard]] page_object view_of(world<P>& w, std::int64_t at, const mm::observation<P>& seen) {
    page_object o{{"at", at}};
    const bool leaf = seen.map == mm::entry_kind::leaf;
    const bool tells_page = leaf || seen.map == mm::entry_kind::device_private;
    if (!seen.has_vma && !tells_page) o.emplace_back("map", std::string("novma"));
    else o.emplace_back("map", std::string(leaf ? name_of(seen.at) : detail::map_name(seen.map)));
    if (tells_page) {
        o.emplace_back("e", seen.letters);
        detail::add_state(o, w, seen.page);
    } else if (seen.map == mm::entry_kind::swap && seen.raw.has(mm::eb::exclusive)) {
        o.emplace_back("f", std::string("X"));
    }
    return o;
}

/// What an entry of a handle shows.
template <class P>
[[nodiscard]] page_object view_of(world<P>& w, std::int64_t at, const mm::page_state<P>& seen) {
    page_object o{{"at", at}, {"map", std::string("none")}};
    detail::add_state(o, w, seen);
    return o;
}

}  // namespace scenario
