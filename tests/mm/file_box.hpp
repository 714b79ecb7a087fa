// SPDX-License-Identifier: BSL-1.0
// What the tests of cached files share.
#pragma once

#include "box.hpp"

namespace mmt {

template <class P>
struct file_world : world<P> {
    using world<P>::world;
    ~file_world() {
        steered_writeback::if_pinned = mm::writeback_answer::write;
        steered_writeback::meanwhile = nullptr;
    }
    using world<P>::box;
    using world<P>::t;

    mm::file& make(mm::file_kind kind, std::uint64_t size, mm::fill how = mm::fill::pattern) {
        return box.create_file(kind, size, how);
    }
    mm::file& ext4(std::uint64_t n, mm::fill how = mm::fill::pattern) {
        return make(mm::file_kind::ext4, n * mm::page_size, how);
    }
    mm::file& memfd(std::uint64_t n, mm::fill how = mm::fill::pattern) {
        return make(mm::file_kind::memfd, n * mm::page_size, how);
    }
    vaddr map_file(mm::file& f, bool shared = true) {
        return this->map(mm::align_up(f.size, mm::page_size), {.shared = shared, .kind = mm::map_kind::file, .source = &f});
    }
    /// The page the cache has at that place, or null.
    frame<P>* cached(mm::file& f, std::uint64_t index) {
        std::lock_guard guard(f.lock);
        const auto* c = f.find(index);
        return c ? box.phys().nth(box.phys().at(c->second.first), index - c->first) : nullptr;
    }
    /// Its count, on its way to no list.
    std::int64_t raw(const frame<P>* page) {
        box.phys().lru_drain_all();
        return page->count.refs();
    }
    /// How many pages the cache has.
    std::size_t cached_pages(mm::file& f) {
        std::size_t n = 0;
        for (std::uint64_t i = 0; i < 4096; ++i) n += cached(f, i) != nullptr;
        return n;
    }
    /// What is on disk there, or -1.
    int on_disk(mm::file& f, std::uint64_t offset) {
        std::lock_guard guard(f.lock);
        const auto b = f.blocks.find(offset / mm::page_size);
        return b == f.blocks.end() ? -1 : b->second[offset % mm::page_size];
    }
    bool warned(mm::warn_id w) { return box.warn().reported(w); }
    /// Everything that is mapped of the file is what the cache has there, and lies below its end.
    void check_mapped_is_cached(mm::task<P>& who, mm::file& f, vaddr a) {
        const mm::vma* v = who.mm().find(a);
        REQUIRE(v);
        for (vaddr at = v->start; at < v->end; at += mm::page_size) {
            const auto seen = who.inspect(at);
            if (seen.map != mm::entry_kind::leaf || box.phys().is_anonymous(seen.page.page)) continue;
            CHECK(seen.page.page == cached(f, v->page_offset(at)));
            CHECK(v->page_offset(at) < f.pages());
        }
    }
};

}  // namespace mmt

#define FILE_PROFILES(name, tag) BOTH_PROFILES(name, tag)
