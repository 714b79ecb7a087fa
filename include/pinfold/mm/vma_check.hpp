// SPDX-License-Identifier: BSL-1.0
// Whether gup may look into a mapping at all. Source: spec 06 §3; the rule numbers are its rows.
#pragma once

#include "foll.hpp"
#include "profile.hpp"
#include "trace.hpp"
#include "vma.hpp"

namespace pinfold::mm {

struct vma_verdict {
    int error = 0;  ///< positive errno
    rule why{"", ""};
};

namespace rules {
inline constexpr rule io{"06-3.1", "the mapping is raw device memory without page descriptors (VM_IO or VM_PFNMAP)"};
inline constexpr rule not_anon{"06-3.2", "FOLL_ANON asks for anonymous memory, and this mapping is not"};
inline constexpr rule fsdax_longterm{"06-3.3",
                                     "a long-term pin of a filesystem-DAX mapping would block truncation for ever"};
inline constexpr rule split_hugetlb{"06-3.4", "a hugetlb entry cannot be split"};
inline constexpr rule secret{"06-3.5", "secret memory is never handed to devices"};
inline constexpr rule dirty_tracked{
    "06-3.6", "a long-term write pin of a shared file mapping would bypass the filesystem's dirty tracking"};
inline constexpr rule no_write{"06-3.7", "the mapping is not writable and FOLL_FORCE was not given"};
inline constexpr rule force_hugetlb{"06-3.7b", "FOLL_FORCE cannot write to a read-only hugetlb mapping"};
inline constexpr rule force_shared{"06-3.7c", "FOLL_FORCE writes to private mappings that could become writable only"};
inline constexpr rule no_read{"06-3.8", "the mapping is not readable and FOLL_FORCE was not given"};
inline constexpr rule never_read{"06-3.8", "the mapping can never be made readable, which FOLL_FORCE does not override"};
inline constexpr rule protection_key{"06-3.9", "a protection key denies access to the data (execute-only mapping)"};
inline constexpr rule no_vma{"06-4.vma", "nothing is mapped at this address"};
}  // namespace rules

template <class P>
[[nodiscard]] vma_verdict check_vma(const vma& v, unsigned flags) noexcept {
    const auto has = [flags](unsigned f) { return (flags & f) != 0; };
    const bool lasting = has(foll::pin) && has(foll::longterm);
    if (v.has(vm::io | vm::pfnmap)) return {err::efault, rules::io};
    if (has(foll::anon) && !v.is_anonymous()) return {err::efault, rules::not_anon};
    if constexpr (P::longterm_checks_first) {
        if (has(foll::longterm) && v.kind == vma_kind::fsdax) return {err::eopnotsupp, rules::fsdax_longterm};
        if (has(foll::split_pmd) && v.has(vm::hugetlb)) return {err::eopnotsupp, rules::split_hugetlb};
        if (v.kind == vma_kind::secretmem) return {err::efault, rules::secret};
    }
    if (has(foll::write)) {
        if constexpr (P::longterm_checks_first)
            if (lasting && v.tracks_dirty()) return {err::efault, rules::dirty_tracked};
        if (!v.has(vm::write) || v.has(vm::shadow_stack)) {
            if (!has(foll::force)) return {err::efault, rules::no_write};
            if (P::longterm_checks_first && v.has(vm::hugetlb)) return {err::efault, rules::force_hugetlb};
            if (!v.is_cow()) return {err::efault, rules::force_shared};
        }
    } else if (!v.has(vm::read)) {
        if (!has(foll::force)) return {err::efault, rules::no_read};
        if (!v.has(vm::mayread)) return {err::efault, rules::never_read};
    }
    if (v.keyed && !has(foll::remote)) return {err::efault, rules::protection_key};
    return {};
}

}  // namespace pinfold::mm
