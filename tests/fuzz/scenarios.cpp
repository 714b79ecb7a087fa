// SPDX-License-Identifier: BSL-1.0
// Fuzz target: any text is a scenario. In both profiles the player reaches its end, every count has an owner after each
// few lines, and nothing is left over.
#include "bytes.hpp"

#include <string>
#include <string_view>

#include "machine_room.hpp"
#include "number.hpp"
#include "player.hpp"
#include "profiles.hpp"

namespace {

using namespace scenario;

class auditor final : public audience {
public:
    void line(const std::string& json) override { last_ = json; }
    void remark(const std::string&) override {}
    void wrong(const program&, const statement&, const std::string&) override {}
    void broken(const program& p, std::size_t line, const std::string& what) override {
        std::fprintf(stderr, "%s, line %zu: %s\n", p.name.c_str(), line, what.c_str());
        fuzz::wrong("a count without an owner", __FILE__, __LINE__);
    }
    void never_returns(const program&) override { fuzz::wrong("an operation never returns", __FILE__, __LINE__); }
    [[nodiscard]] bool wants_reasons() const override { return false; }
    [[nodiscard]] bool wants_audit(std::size_t line) const override { return line % 8 == 0; }  // and at the end: line 0

    /// After an addpin the counters drift (DEF-M1).
    void check_end(bool drifts) const {
        FUZZ_CHECK(last_.find("\"op\":\"end\"") != last_.npos);
        FUZZ_CHECK(last_.find("\"zero_ref\":0") != last_.npos);
        if (!drifts) FUZZ_CHECK(last_.find("\"leak\":0") != last_.npos);
    }

private:
    std::string last_;
};

/// What a number may be at most: large ones only take long. Files and mappings may be large, nobody fills them.
[[nodiscard]] bool moderate(const statement& s, std::string_view word) {
    const bool sparse = s.op == "file" || s.op == "mmap" || s.op == "ftruncate";
    while (!word.empty()) {
        const std::size_t end = std::min(word.find_first_of("+-=,"), word.size());
        const std::string_view piece = word.substr(0, end);
        if (const auto n = parse_number(piece)) {
            const bool plain = piece.back() >= '0' && piece.back() <= '9';
            if (*n > (sparse ? std::uint64_t{1} << 30 : plain ? 4096 : std::uint64_t{4} << 20)) return false;
        }
        word.remove_prefix(std::min(end + 1, word.size()));
    }
    return true;
}

[[nodiscard]] bool moderate(const program& p) {
    if (p.lines.size() > 64) return false;
    for (const statement& s : p.lines) {
        for (const std::string& w : s.args)
            if (!moderate(s, w)) return false;
        for (const std::string& w : s.options)
            if (!moderate(s, w)) return false;
    }
    return true;
}

/// Small, so that much can be played: an audit looks at every frame that was ever in use.
[[nodiscard]] pinfold::mm::options small_room() {
    pinfold::mm::options o = machine_room();
    o.huge_pools = {{.order = pinfold::mm::pmd_order, .pages = 2}};
    return o;
}

template <class P>
void play_in(const program& p, bool drifts) {
    auditor a;
    play<P>(p, a, small_room());
    a.check_end(drifts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const program p = parse("input", "fuzz/input", text);
    if (!moderate(p)) return 0;
    const bool drifts = text.find("addpin") != text.npos;
    play_in<linux_6_12>(p, drifts);
    play_in<foll_pin_2019>(p, drifts);
    return 0;
}
