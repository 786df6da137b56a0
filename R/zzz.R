.onLoad <- function(libname, pkgname) {
  # A forked child recognises itself by a different process id.
  psyrl_state$pid <- Sys.getpid()
  namespace <- topenv()
  for (core in ls(namespace, pattern = "^[a-z].*_$")) {
    assign(core, with_faults(get(core, namespace)), namespace)
  }
}

.onUnload <- function(libpath) {
  library.dynam.unload("psyrl", libpath)
}
