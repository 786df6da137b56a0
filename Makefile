# Entry points; `make help` lists them. psyrl itself goes into a library inside
# this folder, what it needs where R keeps the user's packages.

LIBRARY := $(CURDIR)/.psyrl-lib
USER_LIBS := $(R_LIBS)
export R_LIBS := $(LIBRARY)$(if $(USER_LIBS),:$(USER_LIBS))
export TZ ?= UTC

# What a check needs to be silent about the machine rather than the package: the
# incoming check and the clock ask the network, and the manual must not need
# fonts that are rarely installed. Installed, psyrl takes 7 MB: 3 of compiled
# templates, 1 of data, 1 of vignettes, .7 of headers for models of one's own.
CHECK = R_RD4PDF=times,hyper _R_CHECK_SYSTEM_CLOCK_=FALSE \
  _R_CHECK_CRAN_INCOMING_=FALSE _R_CHECK_PKG_SIZES_THRESHOLD_=8 MAKEFLAGS=-j2

.PHONY: help demo test check bench document install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 18

demo: ## score 522 people from a log of their moves: report.html
	@R_LIBS="$(USER_LIBS)" tools/setup.sh run
	@tools/install.sh "$(LIBRARY)"
	@Rscript tools/demo.R

test: ## layout rules, C++ tests with sanitizers, testthat
	@R_LIBS="$(USER_LIBS)" tools/setup.sh test
	@tools/install.sh "$(LIBRARY)"
	@tools/test.sh

check: ## R CMD check --as-cran, which must end with "Status: OK"
	@R_LIBS="$(USER_LIBS)" tools/setup.sh check
	@$(CHECK) tools/check.sh

bench: install ## measure speed, results on the screen
	@for script in bench/*.R; do echo "== $$script"; Rscript $$script; done

document: ## regenerate glue, NAMESPACE and man
	@Rscript -e 'Rcpp::compileAttributes()'
	@tools/install.sh "$(LIBRARY)"
	@Rscript tools/document.R

install: ## build and install into .psyrl-lib
	@R_LIBS="$(USER_LIBS)" tools/setup.sh run
	@tools/install.sh "$(LIBRARY)"

clean: ## remove everything that was built
	@rm -rf .psyrl-lib src/*.o src/*.so tests/cpp/build psyrl_*.tar.gz psyrl.Rcheck report.html
