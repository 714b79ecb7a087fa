// SPDX-License-Identifier: BSL-1.0
#include "printer.hpp"

#include <nlohmann/json.hpp>

namespace scenario {

namespace {

using json = nlohmann::ordered_json;

template <class... T>
json from(const std::variant<T...>& value);

json from(const page_object& page) {
    json object = json::object();
    for (const auto& [key, value] : page) object[key] = from(value);
    return object;
}
json from(const pin_delta& d) { return {{"acq", d.acquired}, {"rel", d.released}}; }
template <class T>
json from(const T& value) {
    return value;
}
template <class T>
json from(const std::vector<T>& values) {
    json array = json::array();
    for (const T& v : values) array.push_back(from(v));
    return array;
}
template <class... T>
json from(const std::variant<T...>& value) {
    return std::visit([](const auto& v) { return from(v); }, value);
}

}  // namespace

std::string to_json(const step_head& head, const answer& a) {
    json observed = json::object();
    for (const auto& [key, value] : a.observed) observed[key] = from(value);
    json line = {{"scenario", head.scenario}, {"step", head.step}, {"actor", head.actor}, {"op", head.op},
                 {"line", head.line},         {"ret", a.ret}};
    line["errno"] = a.error.empty() ? json(nullptr) : json(a.error);
    line["observed"] = std::move(observed);
    return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace scenario
