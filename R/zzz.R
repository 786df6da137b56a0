.onLoad <- function(libname, pkgname) {
  # A forked child recognises itself by a different process id.
  psyrl_state$pid <- Sys.getpid()
}

.onUnload <- function(libpath) {
  library.dynam.unload("psyrl", libpath)
}
