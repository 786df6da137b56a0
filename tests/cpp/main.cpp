// Catch's main program. Its signal handlers are left out (see the Makefile): the
// sanitizers have their own.
#define CATCH_CONFIG_MAIN
#include <catch.h>
