#!/usr/bin/env bash
# Builds the source package and checks it as CRAN does, in a temporary folder.
# Succeeds with "Status: OK" and nothing less.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The size that counts is that without debugging symbols, which distributions
# compile in.
{
  echo '-include $(HOME)/.R/Makevars'
  for standard in "" 11 14 17 20; do echo "CXX${standard}FLAGS = -O2 -Wall"; done
} > Makevars
export R_MAKEVARS_USER=$work/Makevars

R CMD build "$source"
R CMD check --as-cran psyrl_*.tar.gz | tee log || true
if ! grep -q '^Status: OK' log; then
  if grep -q 'Installation failed' log; then tail -n 40 psyrl.Rcheck/00install.out; fi
  tail -n 60 psyrl.Rcheck/tests/*.fail 2> /dev/null || true
  exit 1
fi
