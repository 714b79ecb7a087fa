#!/bin/bash -eu
# SPDX-License-Identifier: BSL-1.0
# Builds the targets of tests/fuzz the way OSS-Fuzz and ClusterFuzzLite ask for them, with seeds and a dictionary.
# Run from the root of the sources, with CXX, CXXFLAGS, LIB_FUZZING_ENGINE, OUT and WORK set.
# With AFL++: CXX=afl-clang-fast++ LIB_FUZZING_ENGINE=tests/fuzz/main.cpp, then afl-fuzz -i SEEDS -o FOUND -- $OUT/NAME
flags="-std=c++20 -Iinclude -Iexamples/scenario"

for target in counting batches; do
    $CXX $CXXFLAGS $flags tests/fuzz/$target.cpp $LIB_FUZZING_ENGINE -o "$OUT/$target"
    zip -qj "$OUT/${target}_seed_corpus.zip" tests/fuzz/corpus/$target/*
done

# All parts of the player instantiate the same MM: one unit takes a fraction of the time.
find examples/scenario -name '*.cpp' ! -name main.cpp ! -name options.cpp | LC_ALL=C sort |
    sed 's|.*/\(.*\)|#include "\1"|' > "$WORK/player_parts.cpp"
$CXX $CXXFLAGS $flags tests/fuzz/scenarios.cpp "$WORK/player_parts.cpp" $LIB_FUZZING_ENGINE -lpthread -o "$OUT/scenarios"
python3 tests/fuzz/seeds.py "$WORK/seeds" 200
zip -qj "$OUT/scenarios_seed_corpus.zip" "$WORK"/seeds/* tests/fuzz/corpus/scenarios/*
python3 tests/fuzz/seeds.py --dictionary > "$OUT/scenarios.dict"
