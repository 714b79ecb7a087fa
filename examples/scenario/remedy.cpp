// SPDX-License-Identifier: BSL-1.0
#include "remedy.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace scenario {

namespace {

constexpr std::pair<std::string_view, std::string_view> remedies[] = {
    {"01-4.2", "return some of the references first; a word that wide holds no more"},
    {"03-7.dying", "stop using the device before it is removed"},
    {"04-FP-PFN", "let the driver insert pages (vm_insert_page) instead of raw frames, or hand it the frame numbers"},
    {"04-devmap.flags", "ask for a reference or a pin"},
    {"04-dump", "leave out FOLL_DUMP, or touch the memory first"},
    {"04-get+pin", "ask for one of the two"},
    {"05-7.1", "use the slow call, or leave the flag out"},
    {"06-1.1", "leave the flag out: the function sets it by itself"},
    {"06-1.2", "take the mmap lock and set *locked to 1"},
    {"06-1.3", "call pin_user_pages* without FOLL_GET, or get_user_pages*"},
    {"06-1.4", "call pin_user_pages* for what is held long"},
    {"06-1.5", "pass an array, or neither GET nor PIN"},
    {"06-1.6", "hold P2PDMA pages briefly, pinned per transfer"},
    {"06-1.pin", "call a pin_* function"},
    {"06-1.get", "leave FOLL_GET out"},
    {"06-1.longterm", "use an entry that honours FOLL_LONGTERM"},
    {"06-3.1", "map ordinary memory; a device reaches this memory without a pin"},
    {"06-3.2", "leave FOLL_ANON out, or use a private anonymous mapping"},
    {"06-3.3", "pin briefly, per transfer, or use device-DAX or memfd"},
    {"06-3.4", "leave FOLL_SPLIT_PMD out"},
    {"06-3.5", "copy to ordinary memory"},
    {"06-3.6", "use anonymous memory, memfd or hugetlbfs, or map the file privately"},
    {"06-3.7", "map or mprotect it writable"},
    {"06-3.7b", "mprotect it writable"},
    {"06-3.7c", "map it privately, or writable"},
    {"06-3.8", "map or mprotect it readable"},
    {"06-3.9", "map it readable"},
    {"06-4.nofault", "touch the memory first (MADV_POPULATE_*), or leave FOLL_NOFAULT out"},
    {"06-4.vma", "map it first, or shorten the range"},
    {"06-6.migrate", "let whoever else holds the page release it, or pin it before others do"},
    {"06-6.retries", "let whoever else holds the page release it"},
    {"07-4.oom", "free memory"},
    {"07-4.sigbus", "extend the file, or shorten the range"},
    {"07-4.sigsegv", "mprotect it"},
};

}  // namespace

std::string_view remedy_for(std::string_view rule_id) noexcept {
    const auto* it = std::find_if(std::begin(remedies), std::end(remedies), [&](const auto& r) { return r.first == rule_id; });
    return it == std::end(remedies) ? std::string_view{} : it->second;
}

}  // namespace scenario
