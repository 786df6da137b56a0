#!/usr/bin/env bash
# Builds the source package and checks it as CRAN does, in a temporary folder.
# Succeeds with "Status: OK" and nothing less.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
R CMD build "$source"
R CMD check --as-cran psyrl_*.tar.gz | tee log || true
if ! grep -q '^Status: OK' log; then
  if grep -q 'Installation failed' log; then tail -n 40 psyrl.Rcheck/00install.out; fi
  tail -n 60 psyrl.Rcheck/tests/*.fail 2> /dev/null || true
  exit 1
fi
