// SPDX-License-Identifier: BSL-1.0
// For a person: which paths a call took, why it was refused, and every count that a line changed.
#pragma once

#include <iterator>
#include <map>
#include <string>

#include "player.hpp"
#include "remedy.hpp"
#include "world.hpp"

namespace scenario {

template <class P>
class explainer {
public:
    explicit explainer(world<P>& w) : world_(w), before_(look()) {}

    mm::gup_trace trace;  ///< what the gup calls of the step report

    /// Effects: remarks about everything since the last time.
    void tell(audience& to) {
        for (const mm::trace_event& e : trace.events) to.remark(e.error == 0 ? path(e) : refusal(e));
        trace.clear();
        auto now = look();
        for (const auto& [frame, is] : now) {
            const auto was = before_.find(frame);
            if (was == before_.end() || was->second.generation != is.generation) to.remark("new   " + text(frame, is, is));
            else if (!(was->second == is)) to.remark("count " + text(frame, was->second, is));
        }
        for (const auto& [frame, was] : before_)
            if (now.find(frame) == now.end()) to.remark("freed " + name(frame, was));
        before_ = std::move(now);
    }

private:
    /// The counts of one live folio.
    struct counts {
        std::uint32_t generation = 0;
        unsigned order = 0;
        const char* kind = "";
        std::int64_t refs = 0, pins = -1;  ///< pins: -1, not counted apart
        std::int32_t maps = 0;
        std::string holders;               ///< who has the references

        friend bool operator==(const counts&, const counts&) = default;
    };
    using picture = std::map<std::uint64_t, counts>;

    picture look() {
        auto& phys = world_.box.phys();
        picture seen;
        phys.each_frame([&](mm::frame<P>* p) {
            if (p->is_tail() || p->is(mm::pg::buddy) || p->is(mm::pg::table) || mm::physical<P>::ops::raw(p) == 0) return;
            const auto s = mm::state_of(phys, p);
            seen[s.number.n] = {s.generation, s.order, name_of(s.kind), s.refs, s.pins.value_or(-1), s.folio_mapcount,
                                holders_of(s.number)};
        });
        return seen;
    }

    std::string holders_of(mm::pfn n) {
        constexpr const char* names[] = {"new owner", "mapping", "page cache", "swap cache", "buffers",  "LRU batch",
                                         "isolation", "get",     "pin",        "device",     "temporary"};
        static_assert(std::size(names) == static_cast<std::size_t>(mm::holder::count_));
        const auto held = world_.box.phys().ledger.of(n);
        std::string s;
        for (std::size_t i = 0; i < std::size(names); ++i)
            if (held.by[i] != 0) s += (s.empty() ? "" : ", ") + std::to_string(held.by[i]) + " " + names[i];
        return s;
    }
    [[nodiscard]] std::string name(std::uint64_t frame, const counts& c) const {
        std::string s = "page ";
        if (const auto id = world_.ids.find(frame, c.generation)) s += std::to_string(*id);
        else s += "in frame " + std::to_string(frame);
        return s + " (" + c.kind + (c.order != 0 ? ", order " + std::to_string(c.order) : "") + ")";
    }
    static std::string change(const char* what, std::int64_t was, std::int64_t is) {
        std::string s = std::string(" ") + what + " " + std::to_string(was);
        return was == is ? s : s + " -> " + std::to_string(is);
    }
    [[nodiscard]] std::string text(std::uint64_t frame, const counts& was, const counts& is) const {
        std::string s = name(frame, is) + ":" + change("ref", was.refs, is.refs);
        if (is.pins >= 0) s += change("pins", was.pins, is.pins);
        s += change("mappings", was.maps, is.maps);
        return is.holders.empty() ? s : s + " (" + is.holders + ")";
    }

    [[nodiscard]] std::string path(const mm::trace_event& e) const {
        return std::string("path  ") + name_of(e.path) + " at " + world_.regions.name_of(e.address) + " (" + name_of(e.at) +
               "): " + std::to_string(e.pages) + (e.pages == 1 ? " page, " : " pages, ") + std::to_string(e.units) +
               (e.units == 1 ? " unit" : " units");
    }
    [[nodiscard]] std::string refusal(const mm::trace_event& e) const {
        std::string s = std::string("why   ") + name_of(e.path) + " at " + world_.regions.name_of(e.address) + ": " +
                        errno_name(e.error) + ", " + e.rule + " [rule " + e.rule_id + "]";
        if (e.limit != 0)
            s += "; limit " + std::to_string(e.limit) + ", used " + std::to_string(e.used) + ", needed " +
                 std::to_string(e.needed);
        if (const std::string_view remedy = remedy_for(e.rule_id); !remedy.empty()) s += "; remedy: " + std::string(remedy);
        return s;
    }

    world<P>& world_;
    picture before_;
};

}  // namespace scenario
