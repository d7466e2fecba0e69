# Shared by deploy/quickstart and tests/run. Sourced; expects `set -euo pipefail`.
# shellcheck shell=bash disable=SC2034

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-1}"
}

# Runs a command under a name and says how long it took.
phase() {
  local name=$1 begin=$SECONDS
  shift
  say "== $name"
  "$@"
  say "== $name: $((SECONDS - begin)) s"
}
