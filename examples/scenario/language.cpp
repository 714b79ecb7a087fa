// SPDX-License-Identifier: BSL-1.0
#include "language.hpp"

#include <algorithm>

namespace scenario {

namespace {

using word_list = std::vector<std::string_view>;

const word_list gup = {"api=", "flags=", "mm=", "nopages", "times="};
const word_list release = {"first=", "count=", "how="};

const std::vector<operation> operations = {
    // machine and files
    {"require", {"FEATURE"}, {}},
    {"file", {"FILE", "KIND"}, {"size=", "sparse"}},
    {"close", {"FILE"}, {}},
    {"ftruncate", {"FILE", "SIZE"}, {}},
    {"fallocate", {"FILE", "MODE", "OFFSET", "LENGTH"}, {}},
    {"fsync", {"FILE"}, {}},
    {"msync", {"ADDRESS", "LENGTH", "MODE"}, {}},
    {"fadvise", {"FILE", "ADVICE"}, {}},
    {"pread", {"FILE", "OFFSET"}, {}},
    {"pwrite", {"FILE", "OFFSET", "VALUE"}, {}},
    {"dio_read", {"FILE", "OFFSET", "ADDRESS", "LENGTH"}, {}},
    {"dio_write", {"FILE", "OFFSET", "ADDRESS", "LENGTH"}, {}},
    {"dropcaches", {}, {}},
    // mappings
    {"mmap", {"REGION", "LENGTH"},
     {"src=", "off=", "prot=", "shared", "sharedval", "sync", "at=", "fixed", "skew=", "populate", "noreserve", "locked",
      "growsdown", "huge="}},
    {"munmap", {"ADDRESS", "LENGTH"}, {}},
    {"mprotect", {"ADDRESS", "LENGTH", "PROT"}, {}},
    {"mlock", {"ADDRESS", "LENGTH"}, {}},
    {"munlock", {"ADDRESS", "LENGTH"}, {}},
    {"mremap", {"ADDRESS", "OLD", "NEW"}, {"as=", "dontunmap"}},
    {"madvise", {"ADDRESS", "LENGTH", "ADVICE"}, {}},
    {"mbind", {"ADDRESS", "LENGTH", "NODE"}, {}},
    {"mincore", {"ADDRESS", "LENGTH"}, {}},
    // accesses
    {"touch", {"ADDRESS", "LENGTH", "r|w"}, {"step="}},
    {"store", {"ADDRESS", "VALUE"}, {}},
    {"load", {"ADDRESS"}, {}},
    // pins
    {"pin", {"HANDLE", "ADDRESS", "PAGES"}, gup, true},
    {"get", {"HANDLE", "ADDRESS", "PAGES"}, gup, true},
    {"pinfd", {"HANDLE", "FILE", "START", "END"}, {"max="}, true},
    {"unpin", {"HANDLE"}, release, true},
    {"put", {"HANDLE"}, release, true},
    {"addpin", {"HANDLE"}, {}},
    {"dma_write", {"HANDLE", "ENTRY", "OFFSET", "VALUE"}, {}},
    {"dma_read", {"HANDLE", "ENTRY", "OFFSET"}, {}},
    {"iobuf", {"ADDRESS", "LENGTH"}, {}},
    {"iobuf_unreg", {}, {}},
    // looking
    {"inspect", {"ADDRESS", "PAGES"}, {"step="}},
    {"pinspect", {"HANDLE"}, {"first=", "n=", "step="}},
    {"vmstat", {}, {}},
    {"mmstat", {}, {}},
    {"poolstat", {"SIZE"}, {}},
    // actors
    {"fork", {"ACTOR"}, {}},
    {"exit", {"ACTOR"}, {}},
    {"poll", {"ACTOR"}, {}},
    {"wait", {"ACTOR"}, {}},
    {"sleep", {"MILLISECONDS"}, {}},
    // moving, merging, splitting
    {"migrate", {"ADDRESS", "PAGES"}, {"to="}},
    {"movepages", {"ADDRESS", "PAGES"}, {"node="}},
    {"split", {"ADDRESS", "LENGTH"}, {}},
    {"ksmrun", {}, {}},
    {"hmm", {"ADDRESS", "PAGES", "todev|tosys"}, {}},
    // userfaultfd
    {"uffd", {"UFFD", "ADDRESS", "LENGTH", "MODE"}, {}},
    {"uffdcopy", {"UFFD", "ADDRESS", "VALUE"}, {}},
    {"uffdzero", {"UFFD", "ADDRESS", "LENGTH"}, {}},
    {"uffdwp", {"UFFD", "ADDRESS", "LENGTH", "on|off"}, {}},
    {"uffdread", {"UFFD"}, {}},
    // knobs
    {"thp", {"MODE"}, {}},
    {"thpshmem", {"MODE"}, {}},
    {"thpzero", {"0|1"}, {}},
    {"mthp", {"SIZE", "MODE"}, {}},
    {"hugepool", {"SIZE", "PAGES"}, {}},
    {"overcommit", {"SIZE", "PAGES"}, {}},
};

}  // namespace

const operation* find_operation(std::string_view name) noexcept {
    const auto it = std::find_if(operations.begin(), operations.end(), [&](const operation& o) { return o.name == name; });
    return it == operations.end() ? nullptr : &*it;
}

}  // namespace scenario
