#!/usr/bin/env bash
# Installs psyrl from this folder into a library, if what is there is older than
# the sources or was built against other versions of R or of the linked packages.
#
#   tools/install.sh LIBRARY
set -euo pipefail
library=${1:?usage: tools/install.sh LIBRARY}
cd "$(dirname "$0")/.."
mkdir -p "$library"

built=$library/psyrl/DESCRIPTION
key=$library/.psyrl-built-with
against=$(Rscript -e '
  linked <- c("Rcpp", "RcppEigen", "RcppParallel")
  cat(R.version.string, vapply(linked, function(x) {
    paste(x, packageVersion(x))
  }, ""), sep = "; ")')

preclean=
if [ "$(cat "$key" 2> /dev/null)" != "$against" ]; then
  preclean=--preclean # objects built against other headers are of no use
elif [ -f "$built" ]; then
  newer=$(find DESCRIPTION NAMESPACE R src data inst -type f ! -name '*.o' \
    ! -name '*.so' -newer "$built" -print -quit 2> /dev/null || true)
  [ -n "$newer" ] || exit 0
fi

echo "install: building psyrl ($against)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! env -u MAKELEVEL MAKEFLAGS=-j2 R CMD INSTALL --no-docs --no-multiarch \
  $preclean --library="$library" . > "$log" 2>&1; then
  grep -v 'Wignored-attributes\|^ *|\|~\|In file included\|                 from' "$log" |
    tail -n 60 >&2
  exit 1
fi
echo "$against" > "$key"
