// SPDX-License-Identifier: BSL-1.0
// An address space worth looking at, made in this very process: one region of every kind that page pinning
// treats differently.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "region.hpp"

namespace pinscope {

class demo_space {
public:
    demo_space();   ///< Effects: maps the regions. What the system does not offer is left out.
    ~demo_space();  ///< Effects: unmaps them.
    demo_space(const demo_space&) = delete;
    demo_space& operator=(const demo_space&) = delete;

    /// Effects: labels the regions that are its own.
    void label(std::vector<region>& regions) const;
    /// Returns: what was left out, a sentence each.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

private:
    struct part {
        char* begin;
        std::size_t size;
        std::string label;
    };
    char* add(std::string label, std::size_t size, int protection, int flags, int file = -1);
    void add_huge();

    std::vector<part> parts_;
    std::vector<std::string> notes_;
};

}  // namespace pinscope
