// SPDX-License-Identifier: BSL-1.0
// The VMAs that show parts of one thing (a file, a family of anonymous pages), found by the part: a search tree by
// first page that knows how far each subtree reaches. Source: spec 07 §3 §4.
#pragma once

#include <cstdint>

#include "function_ref.hpp"
#include "vma.hpp"

namespace pinfold::mm {

/// Links: the member of vma that is for this tree. Requires of everything: the lock of the thing; a VMA's pages do not
/// change while it is in the tree. Complexity: O(log n) expected, and every VMA visited.
/// Among those that begin with the same page, whoever came first is visited first.
template <vma_links vma::* Links>
class vma_tree {
public:
    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }

    void insert(vma& v) noexcept {
        (v.*Links).turn = ++turns_;
        put_back(v);
    }
    void erase(vma& v) noexcept { root_ = without(root_, v); }
    /// Effects: v, erased while its pages change, is in the tree again, in its old turn.
    void put_back(vma& v) noexcept {
        v.*Links = {nullptr, nullptr, 0, (v.*Links).turn};
        refresh(v);
        root_ = with(root_, v);
    }

    /// Effects: calls visit(vma&) for each VMA that shows any of `n` pages from `first`.
    void each_overlapping(std::uint64_t first, std::uint64_t n, function_ref<void(vma&)> visit) const {
        each(root_, first, first + n < first ? ~std::uint64_t{0} : first + n, visit);
    }

private:
    static vma*& left(vma& v) noexcept { return (v.*Links).left; }
    static vma*& right(vma& v) noexcept { return (v.*Links).right; }
    static std::uint64_t end(const vma& v) noexcept { return v.pgoff + v.pages(); }

    static bool before(const vma& a, const vma& b) noexcept {
        return a.pgoff != b.pgoff ? a.pgoff < b.pgoff : (a.*Links).turn < (b.*Links).turn;
    }
    /// A heap by a number that has nothing to do with the order: that keeps the tree flat.
    static bool above(const vma& a, const vma& b) noexcept { return mixed((a.*Links).turn) > mixed((b.*Links).turn); }
    static std::uint64_t mixed(std::uint64_t x) noexcept {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
    }
    static void refresh(vma& v) noexcept {
        std::uint64_t reach = end(v);
        for (const vma* child : {left(v), right(v)})
            if (child && (child->*Links).reach > reach) reach = (child->*Links).reach;
        (v.*Links).reach = reach;
    }

    // What recurses is not unrolled: g++ makes a kilobyte and more of each.
    [[gnu::noinline]] static vma* with(vma* t, vma& v) noexcept {
        if (!t) return &v;
        if (above(v, *t)) {
            split(t, v, left(v), right(v));
            t = &v;
        } else {
            vma*& side = before(v, *t) ? left(*t) : right(*t);
            side = with(side, v);
        }
        refresh(*t);
        return t;
    }
    [[gnu::noinline]] static vma* without(vma* t, vma& v) noexcept {
        if (t == &v) return joined(left(v), right(v));
        vma*& side = before(v, *t) ? left(*t) : right(*t);
        side = without(side, v);
        refresh(*t);
        return t;
    }
    [[gnu::noinline]] static void split(vma* t, const vma& at, vma*& below, vma*& rest) noexcept {
        if (!t) {
            below = rest = nullptr;
            return;
        }
        if (before(*t, at)) {
            split(right(*t), at, right(*t), rest);
            below = t;
        } else {
            split(left(*t), at, below, left(*t));
            rest = t;
        }
        refresh(*t);
    }
    [[gnu::noinline]] static vma* joined(vma* low, vma* high) noexcept {
        if (!low || !high) return low ? low : high;
        if (above(*low, *high)) {
            right(*low) = joined(right(*low), high);
            refresh(*low);
            return low;
        }
        left(*high) = joined(low, left(*high));
        refresh(*high);
        return high;
    }
    [[gnu::noinline]] static void each(vma* t, std::uint64_t first, std::uint64_t last, function_ref<void(vma&)> visit) {
        if (!t || (t->*Links).reach <= first) return;
        each(left(*t), first, last, visit);
        if (t->pgoff >= last) return;
        vma* const next = right(*t);
        if (end(*t) > first) visit(*t);
        each(next, first, last, visit);
    }

    vma* root_ = nullptr;
    std::uint64_t turns_ = 0;
};

}  // namespace pinfold::mm
