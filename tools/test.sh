#!/usr/bin/env bash
# Everything `make test` tests, counted: layout rules, assertions of the C++
# programs, expectations of testthat. Ends with "N passed, N failed".
#
#   tools/test.sh        psyrl must be installed where R_LIBS points
set -u
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
skipped=0

# add PASSED FAILED [SKIPPED]
add() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + ${3:-0}))
}

echo "== layout"
tools/layout.sh | tee "$work/layout"
add $(tail -n 1 "$work/layout" | tr -dc '0-9 ')

echo "== core, with address and undefined-behaviour sanitizers"
if make -s -C tests/cpp -j2 build > "$work/build" 2>&1; then
  (cd tests/cpp && ASAN_OPTIONS=detect_leaks=0 ./build/tests -r xml) \
    > "$work/cpp.xml" 2> "$work/cpp.err"
  status=$?
  totals=$(grep '<OverallResults ' "$work/cpp.xml" | tail -n 1 |
    sed 's/.*successes="\([0-9]*\)" failures="\([0-9]*\)".*/\1 \2/')
  if [ -n "$totals" ] && { [ $status = 0 ] || [ "${totals#* }" != 0 ]; }; then
    add $totals
    echo "core: ${totals% *} passed, ${totals#* } failed"
  else
    add 0 1
    echo "core: the program died"
  fi
  if [ $status != 0 ]; then
    grep -vE '<(/?(Catch|Group)|OverallResult|Randomness)' "$work/cpp.xml" | tail -n 60
    head -n 60 "$work/cpp.err"
  fi
else
  add 0 1
  tail -n 60 "$work/build"
  echo "core: its tests do not compile"
fi

echo "== package"
Rscript tools/testthat.R "$work/testthat"
if [ -s "$work/testthat" ]; then
  add $(cat "$work/testthat")
else
  add 0 1
  echo "package: the tests died"
fi

summary="$passed passed, $failed failed"
[ $skipped = 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ $failed = 0 ]
