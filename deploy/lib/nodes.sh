# Starts, awaits and stops three nodes on this machine. Sourced after common.sh and ports.sh.
# shellcheck shell=bash disable=SC2154

ready_timeout_s=15
# Longer than node.shutdown_timeout, which is 25 s.
stop_timeout_s=28

declare -A node_pids=()

address_of() { printf '127.0.0.1:%s' "${ports[$1]}"; }

# A session of its own keeps Ctrl-C of the terminal for this script alone; the death signal ends the node even when this
# script is killed without a chance to clean up.
start_node() {
  local n=$1
  env "NEXUS_PORT_$n=${ports[$n]}" \
    setsid setpriv --pdeathsig TERM "$nexusd" --config "$root/config/node$n.yaml" >"$logs/node$n.log" 2>&1 </dev/null &
  node_pids[$n]=$!
}

node_runs() { kill -0 "${node_pids[$1]}" 2>/dev/null; }

# Ends with an error when the node has died or is not ready in time.
await_node() {
  local n=$1 deadline=$((SECONDS + ready_timeout_s))
  until "$nexusctl" --node "$(address_of "$n")" --timeout 1s kinds >/dev/null 2>&1; do
    node_runs "$n" || { show_log "$n"; fail "node $n ended while starting; its log is above"; }
    ((SECONDS < deadline)) || { show_log "$n"; fail "node $n was not ready after $ready_timeout_s s; its log is above"; }
    sleep 0.05
  done
}

start_nodes() {
  local n
  for n in 1 2 3; do start_node "$n"; done
  for n in 1 2 3; do
    await_node "$n"
    say "node $n is ready at $(address_of "$n") (pid ${node_pids[$n]})"
  done
}

show_log() { sed "s/^/  node$1: /" "$logs/node$1.log" >&2; }

# SIGKILL, as a crash would.
crash_node() {
  kill -KILL "${node_pids[$1]}"
  # The shell's own note that its child was killed says nothing new.
  wait "${node_pids[$1]}" 2>/dev/null || true
  unset "node_pids[$1]"
}

# SIGTERM to the nodes that run, SIGKILL to those that do not end in time. Fails when one did not end well.
stop_nodes() {
  local n status result=0 deadline=$((SECONDS + stop_timeout_s))
  for n in "${!node_pids[@]}"; do kill -TERM "${node_pids[$n]}" 2>/dev/null || true; done
  for n in "${!node_pids[@]}"; do
    while node_runs "$n" && ((SECONDS < deadline)); do sleep 0.05; done
    if node_runs "$n"; then
      say "node $n did not stop within $stop_timeout_s s: killed" >&2
      kill -KILL "${node_pids[$n]}" 2>/dev/null || true
    fi
    status=0
    wait "${node_pids[$n]}" 2>/dev/null || status=$?
    if ((status != 0)); then
      say "node $n ended with status $status" >&2
      result=1
    fi
    unset "node_pids[$n]"
  done
  return "$result"
}
