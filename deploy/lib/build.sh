# Configures and builds. Sourced after common.sh.
# shellcheck shell=bash disable=SC2154

# Runs a command while nobody else configures or builds this tree.
with_build_lock() {
  mkdir -p "$root/build"
  (
    flock 9
    cd "$root" || exit 1
    "$@" 9>&-
  ) 9>"$root/build/.lock"
}

# A tree that was configured stays as it is: cmake --build sees by itself what changed. A new one gets no tests, so that
# their packages need not be there; tests/run turns them on.
configure_for_programs() {
  [[ -f $root/build/release/build.ninja ]] || cmake --preset release -DNEXUS_TESTS=OFF
}

build_programs() {
  configure_for_programs
  cmake --build --preset release --target nexusd nexusctl
}
