#!/usr/bin/env bash
# Sets up what is missing to use (run), test or check psyrl, and says what it
# does. Silent when nothing is missing.
#
#   tools/setup.sh [run|test|check]
#
# On a Debian machine whose R is Debian's, and where the user may install
# (root, or sudo without a password), Debian's built packages are taken.
# Otherwise, or if R does not see those, packages are built from CRAN into the
# user's library (R_LIBS or R_LIBS_USER); PSYRL_NO_APT=1 asks for that route.
set -euo pipefail

level=${1:-run}
case $level in run | test | check) ;; *)
  echo "usage: tools/setup.sh [run|test|check]" >&2
  exit 2
  ;;
esac

# R packages of each level; "optional" ones (their tests are skipped without
# them) are taken where they come built, and demanded by `check` alone.
packages="Rcpp RcppEigen RcppParallel generics"
optional=""
tools="make=build-essential g++=build-essential dpkg-architecture=build-essential"
if [ "$level" != run ]; then
  packages="$packages testthat withr"
  optional="jsonlite data.table tibble ggplot2 dplyr dbplyr DBI RSQLite"
fi
if [ "$level" = check ]; then
  packages="$packages $optional knitr rmarkdown progressr"
  optional=""
  tools="$tools pandoc=pandoc qpdf=qpdf tidy=tidy checkbashisms=devscripts \
    makeinfo=texinfo gs=ghostscript pdflatex=texlive-latex-base \
    times.sty=texlive-latex-recommended phvr8t.tfm=texlive-fonts-recommended"
fi

say() { echo "setup: $*"; }
die() { say "$*" >&2; exit 1; }
command -v Rscript > /dev/null || die "R is not installed."
Rscript -e 'quit(status = getRversion() < "4.2.0")' || die "R >= 4.2.0 is needed."

missing_packages() {
  Rscript -e '
    wanted <- commandArgs(TRUE)
    have <- vapply(wanted, requireNamespace, logical(1), quietly = TRUE)
    cat(wanted[!have])' "$@" 2> /dev/null | tail -n 1
}

has_tool() {
  case $1 in
    *.sty | *.tfm) kpsewhich "$1" > /dev/null 2>&1 ;;
    dpkg-architecture) ! command -v dpkg > /dev/null || command -v "$1" > /dev/null ;;
    *) command -v "$1" > /dev/null ;;
  esac
}

# Debian packages of the tools (given as tool=package) that are not there.
missing_tools() {
  local pair
  for pair in "$@"; do
    has_tool "${pair%%=*}" || echo "${pair#*=}"
  done | sort -u
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_use_apt() {
  [ -z "${PSYRL_NO_APT:-}" ] && command -v apt-get > /dev/null &&
    { [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null; }
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Installs those of the Debian packages that exist and are not installed.
apt_updated=no
apt_install() {
  local name wanted=""
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2> /dev/null | grep -q "ok installed" ||
      wanted="$wanted $name"
  done
  [ -n "$wanted" ] || return 0
  if [ $apt_updated = no ]; then
    as_root apt-get -qq update > "$log" 2>&1 || true
    apt_updated=yes
  fi
  local known=""
  for name in $wanted; do
    if apt-cache show "$name" > /dev/null 2>&1; then known="$known $name"; fi
  done
  [ -n "$known" ] || return 0
  say "installing Debian's$known"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
    --no-install-recommends $known > "$log" 2>&1 ||
    { say "Debian's packages could not be installed:"; tail -n 5 "$log"; }
}

debian_names() {
  local name
  for name in "$@"; do
    echo "r-cran-$(echo "$name" | tr '[:upper:]' '[:lower:]')"
  done
}

cran_install() {
  say "building from CRAN, with what they need: $*"
  Rscript - "$@" > "$log" 2>&1 <<'R' ||
wanted <- commandArgs(TRUE)
if (!length(getOption("repos")) || "@CRAN@" %in% getOption("repos")) {
  mirrors <- utils::getCRANmirrors(local.only = TRUE)
  options(repos = c(CRAN = mirrors$URL[1]))
}
# The user's own library, never one that others share.
own <- unlist(strsplit(Sys.getenv(c("R_LIBS", "R_LIBS_USER")), .Platform$path.sep))
library_dir <- path.expand(own[nzchar(own)][1])
if (is.na(library_dir)) library_dir <- .libPaths()[1]
dir.create(library_dir, recursive = TRUE, showWarnings = FALSE)
.libPaths(c(library_dir, .libPaths()))
cat("installing into", library_dir, "\n")
# Both come with R, and their newest versions ask for a newer R than ours.
available <- utils::available.packages()
available <- available[!rownames(available) %in% c("Matrix", "MASS"), ]
utils::install.packages(
  wanted, lib = library_dir, available = available,
  Ncpus = min(2, parallel::detectCores(), na.rm = TRUE)
)
# install.packages() succeeds even when a package fails.
built <- vapply(wanted, requireNamespace, logical(1), quietly = TRUE)
if (!all(built)) stop("not installed: ", toString(wanted[!built]))
R
    { tail -n 25 "$log" >&2; die "packages from CRAN could not be installed."; }
}

# 1. Programs.
lacking=$(missing_tools $tools)
if [ -n "$lacking" ] && may_use_apt; then
  apt_install $lacking
  lacking=$(missing_tools $tools)
fi
[ -z "$lacking" ] || say "not found, please install (Debian's names):" $lacking

# 2. R packages, built by Debian.
absent=$(missing_packages $packages $optional)
if [ -n "$absent" ] && may_use_apt && [ "$(R RHOME)" = /usr/lib/R ]; then
  apt_install $(debian_names $absent)
  absent=$(missing_packages $packages)
else
  absent=$(missing_packages $packages)
fi

# 3. R packages, built here.
if [ -n "$absent" ]; then
  system_needs="" # of their builds
  case $absent in *RcppParallel*) system_needs=cmake ;; esac
  case $absent in *testthat*) system_needs="$system_needs libuv1-dev" ;; esac
  if may_use_apt; then apt_install $system_needs; fi
  cran_install $absent
fi
