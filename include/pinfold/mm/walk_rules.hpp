// SPDX-License-Identifier: BSL-1.0
// What the lockless walk may take: questions about an entry, and about a folio once it is held. In doubt: no, and the
// slow path decides. Source: spec 05 §4 §5.
#pragma once

#include <cstdint>

#include "file.hpp"
#include "grab.hpp"

namespace pinfold::mm::detail {

/// Of the bits of an entry, those asked about, and what they must be.
struct entry_test {
    std::uint64_t mask, value;
    [[nodiscard]] bool passes(entry e) const noexcept { return (e.raw & mask) == value; }
};
/// An entry grants what these flags ask, and is neither special nor a device's, if and only if it passes.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT entry_test plain_leaf(unsigned flags) noexcept {
    constexpr auto bit = [](eb b) { return entry::bit(b); };
    const std::uint64_t yes = static_cast<std::uint64_t>(entry_kind::leaf) | bit(eb::user) |
                              (flags & foll::write) / foll::write * bit(eb::writable);
    constexpr std::uint64_t no = 15 | bit(eb::protnone) | bit(eb::keyed) | bit(eb::special) | bit(eb::devmap) |
                                 (P::fast_heeds_guards ? bit(eb::guarded) : 0);
    return {yes | no, yes};
}

/// The entries that grant, and whose pages are not asked about sharing.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT entry_test plain_entry(unsigned flags) noexcept {
    // A pin that may not write asks about pages that are not writable, one that may write takes no others.
    const bool only_writable = Pin && P::anon_exclusive;
    return plain_leaf<P>(only_writable ? flags | foll::write : flags);
}

template <class P>
class walk_rules {
public:
    using page = frame<P>;

    walk_rules(physical<P>& phys, unsigned flags) noexcept : phys_(phys), flags_(flags) {}

    [[nodiscard]] bool wants(unsigned f) const noexcept { return (flags_ & f) != 0; }
    [[nodiscard]] bool grants(entry e) const noexcept {
        if (P::fast_heeds_guards && e.has(eb::guarded) && !e.has(eb::devmap)) return false;
        return e.is_leaf() && e.has(eb::user) && !e.denies_access() && (!wants(foll::write) || e.has(eb::writable));
    }

    [[nodiscard]] entry_test plain_leaf() const noexcept { return detail::plain_leaf<P>(flags_); }

    /// gup_fast_folio_allowed: asked after the grab, so the folio is stable. Source: spec 05 §5.
    [[nodiscard]] bool allowed(const page* head) const noexcept {
        if constexpr (!P::fast_asks_folio) return true;
        if (P::devices::dax_is_mapped_counted && wants(foll::longterm) && is_device(head, device_type::fsdax)) return false;
        const bool lasting_write = wants(foll::pin) && wants(foll::longterm) && wants(foll::write);
        if (head->is(pg::large) && !lasting_write) return true;
        if (head->is(pg::hugetlb)) return true;
        if (head->is(pg::zero)) return true;
        switch (head->owner_kind()) {
            case owner::anon:
            case owner::ksm: return true;
            case owner::driver: return false;
            case owner::none_or_file: break;
        }
        const file* f = head->template owner_as<file>();
        if (!f || f->kind == file_kind::secret) return false;  // no f: truncated, or a driver's page
        return !lasting_write || f->is_shmem();
    }

    /// Whether there are questions about each page that is held, whatever kind it is.
    [[nodiscard]] bool asks_each() const noexcept { return wants(foll::longterm); }

    /// Whether gup_must_unshare has to be asked at all.
    [[nodiscard]] bool asks_unshare(entry e) const noexcept {
        return P::anon_exclusive && !e.has(eb::writable) && wants(foll::pin) && !wants(foll::write);
    }
    /// gup_must_unshare without a VMA: in doubt, go slow.
    [[nodiscard]] bool must_unshare(entry e, const page* p) const noexcept {
        if (!asks_unshare(e)) return false;
        if (!physical<P>::is_anonymous(p)) return wants(foll::longterm);
        return !p->is(pg::exclusive);
    }

    /// Whether what grab_speculative asks of a head it has raised leaves doubt.
    [[nodiscard]] bool grab_is_doubtful(const page* head) const noexcept {
        if (refuses_peers<P>(head, flags_)) return true;
        if constexpr (P::longterm_checks_first)
            return wants(foll::longterm) && wants(foll::pin) && !is_longterm_pinnable(phys_, head);
        else return false;
    }

    physical<P>& phys_;
    const unsigned flags_;
};

}  // namespace pinfold::mm::detail
