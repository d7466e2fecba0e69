# What three nodes do together, shown step by step. Sourced after nodes.sh. Each step prints its command and what came of
# it, and ends the tour when it did not hold.
# shellcheck shell=bash disable=SC2154

watch_timeout_s=20
watcher_pid=

# Runs nexusctl through node $1 and keeps its output in $output.
ctl() {
  local n=$1
  shift
  show_ctl "$n" "$@"
  local status=0
  output=$("$nexusctl" --node "$(address_of "$n")" "$@" 2>&1) || status=$?
  say "$output"
  return "$status"
}

# The command as the user can type it, with payloads in single quotes.
show_ctl() {
  local n=$1 word line
  shift
  line="$shown_nexusctl --node $(address_of "$n")"
  for word in "$@"; do
    if [[ $word == *[^[:alnum:]_./:=-]* ]]; then line+=" '$word'"; else line+=" $word"; fi
  done
  say "\$ $line"
}

step() { say "" && say "-- $1"; }
held() { say "ok: $1"; }

await_line() {
  local file=$1 pattern=$2 deadline=$((SECONDS + watch_timeout_s))
  until grep -q "$pattern" "$file"; do
    kill -0 "$watcher_pid" 2>/dev/null || grep -q "$pattern" "$file" || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Asks node $1 for the members until there are $2; the answer is in $output.
await_members() {
  local n=$1 count=$2 deadline=$((SECONDS + watch_timeout_s))
  until output=$("$nexusctl" --node "$(address_of "$n")" members 2>&1) && grep -q ", $count members;" <<<"$output"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

tour() {
  local pid watch_log=$logs/watch.txt status=0
  pid=$(address_of 1)/tour

  step "See that the three nodes have found each other"
  show_ctl 2 members
  await_members 2 3 || { say "$output"; fail "node 2 does not see three members"; }
  say "$output"
  held "node 2 sees all three"

  step "Make a counter named 'tour' on node 1"
  ctl 1 spawn counter --id tour || fail "the counter could not be made"
  [[ $output == "$pid" ]] || fail "expected the Pid $pid"
  held "it runs at $pid"

  step "Ask it through node 2, which does not host it"
  ctl 2 ask "$pid" '{"add":5}' || fail "node 2 could not ask the counter"
  [[ $output =~ \"value\":[[:space:]]*\"?5\"?[^0-9] ]] || fail "expected the value 5"
  held "the answer came back through node 2"

  step "Watch it from node 3, in the background"
  show_ctl 3 watch "$pid"
  : >"$watch_log"
  "$nexusctl" --node "$(address_of 3)" watch "$pid" >"$watch_log" 2>&1 &
  watcher_pid=$!
  await_line "$watch_log" '^watching ' || { cat "$watch_log"; fail "node 3 does not watch the counter"; }
  cat "$watch_log"
  held "node 3 watches"

  step "Kill node 1 as a crash would"
  say "\$ kill -KILL ${node_pids[1]}"
  crash_node 1
  held "node 1 is gone"

  step "Node 3 tells its watcher"
  local begin=$SECONDS
  await_line "$watch_log" '^terminated ' || { cat "$watch_log"; fail "no Terminated arrived at node 3"; }
  wait "$watcher_pid" || status=$?
  watcher_pid=
  sed -n '/^terminated /p' "$watch_log"
  grep -qxF "terminated $pid ADDRESS_TERMINATED" "$watch_log" || fail "expected 'terminated $pid ADDRESS_TERMINATED'"
  ((status == 0)) || fail "the watch ended with status $status"
  held "Terminated (AddressTerminated) arrived $((SECONDS - begin)) s after the crash"

  step "The two that are left agree that node 1 is gone"
  show_ctl 2 members
  await_members 2 2 || { say "$output"; fail "node 2 still counts node 1 as a member"; }
  say "$output"
  ! grep -qF "$(address_of 1) " <<<"$output" || fail "node 1 is still in the list"
  held "node 1 is no member any more"
}

stop_watcher() {
  [[ -n $watcher_pid ]] || return 0
  kill -TERM "$watcher_pid" 2>/dev/null || true
  wait "$watcher_pid" 2>/dev/null || true
  watcher_pid=
}
