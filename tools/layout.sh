#!/usr/bin/env bash
# The rules of the house that a compiler does not know. Prints what breaks one
# and, as its last line, "layout: N passed, N failed".
set -u
cd "$(dirname "$0")/.."
passed=0
failed=0

# rule TEXT OFFENDERS: nothing offends, or the rule is broken.
rule() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'broken: %s\n%s\n' "$1" "$2"
  fi
}

# includes PATTERN FOLDER: the include lines whose file begins with PATTERN.
includes() {
  grep -rnE "^ *# *include *[<\"]$1" $2 2> /dev/null
}

rule "the core includes no R header" \
  "$(includes 'R[A-Za-z_]*(\.h|/)' src/core)"
rule "the core includes no thread library" \
  "$(includes '(thread|mutex|shared_mutex|future|condition_variable|atomic|omp\.h|pthread\.h|tbb/)' src/core)"
rule "the core does not print, stop the program or draw from <random>" \
  "$(grep -rnE 'std::(cout|cerr)|\b(printf|abort|exit|rand|srand) *\(|include *<(random|iostream)>' src/core --include='*.h')"
rule "core/base knows base alone" \
  "$(includes 'core/(mdp|measurement|learning|convex)/' src/core/base)"
rule "core/mdp knows mdp and base" \
  "$(includes 'core/(measurement|learning|convex)/' src/core/mdp)"
rule "core/measurement knows measurement, mdp and base" \
  "$(includes 'core/(learning|convex)/' src/core/measurement)"
rule "core/learning knows learning, convex, mdp and base" \
  "$(includes 'core/measurement/' src/core/learning)"
rule "core/convex knows convex, mdp and base" \
  "$(includes 'core/(measurement|learning)/' src/core/convex)"
# Two classes of one name in two files link without a word and share their functions.
for folders in 'base mdp measurement' learning convex; do
  rule "no class is defined twice in core: $folders" \
    "$(cd src/core && grep -rhoE '^(class|struct) [A-Za-z]+( [:{]|$)' $folders |
      awk '{ print $2 }' | sort | uniq -d)"
done
rule "only R/conditions.R signals" \
  "$(grep -nE '(^|[^[:alnum:]_.])(stop|warning|stopifnot) *\(' R/*.R |
    grep -vE '^R/(conditions|RcppExports)\.R:' | grep -vE "^[^:]*:[0-9]*: *#")"
rule "workers use no tbb:: and no parallelReduce" \
  "$(grep -rnE 'tbb::|parallelReduce *\(' src --include='*.h' --include='*.cpp' | grep -v RcppExports)"
rule "no compiler flags beyond include paths and definitions" \
  "$(grep -nE '(^| )-(O[0-9s]|W[a-z]|march|std=|ffast-math)|CXX_STD' src/Makevars src/Makevars.win)"
rule "no function of R is defined twice" \
  "$(grep -hoE '^[A-Za-z_.0-9]+ <- function' R/*.R | sort | uniq -d)"
rule "R code is ASCII" \
  "$(LC_ALL=C grep -nP '[^\x00-\x7F]' R/*.R)"

echo "layout: $passed passed, $failed failed"
[ $failed = 0 ]
