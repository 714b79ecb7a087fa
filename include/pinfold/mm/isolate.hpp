// SPDX-License-Identifier: BSL-1.0
// Taking a folio off its list, so that whoever is going to move or reclaim it is alone in doing so. Source: spec 07 §11.
#pragma once

#include "physical.hpp"

namespace pinfold::mm {

/// Effects: the folio leaves the LRU, a huge page the list of those in use; the caller has one reference of it
/// (holder: isolation). Returns: false when it is on no list: a driver's page, a page somebody else isolated.
/// Requires: a reference.
template <class P>
[[nodiscard]] bool isolate(physical<P>& phys, frame<P>* head) {
    phys.hold(head, holder::isolation);
    if (head->is(pg::hugetlb) ? !head->set(pg::isolated) : head->clear(pg::lru)) return true;
    phys.drop(head, holder::isolation);
    return false;
}

/// Effects: the folio is on its list again; the isolation's reference is gone.
template <class P>
void put_back(physical<P>& phys, frame<P>* head) {
    if (head->is(pg::hugetlb)) head->clear(pg::isolated);
    else head->set(pg::lru);
    phys.drop(head, holder::isolation);
}

}  // namespace pinfold::mm
