# Which TCP ports are free. Sourced after common.sh; reads /proc, so it needs no further program.
# shellcheck shell=bash

# The inode of a socket that listens on the port; nothing if none does.
listener_inode() {
  local hex
  printf -v hex '%04X' "$1"
  # Columns: slot, local address:port, remote, state (0A is LISTEN), queues, timer, retransmits, uid, timeout, inode.
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    while read -r _ local_address _ state _ _ _ _ _ inode _; do
      if [[ $state == 0A && ${local_address##*:} == "$hex" ]]; then
        printf '%s\n' "$inode"
        break
      fi
    done
}

port_is_free() { [[ -z $(listener_inode "$1") ]]; }

# "name (pid N)" of the process that listens on the port, as far as we may see.
listener_name() {
  local link pid
  link=$(find /proc/[0-9]*/fd -lname "socket:\[$(listener_inode "$1")\]" -print -quit 2>/dev/null) || true
  pid=${link#/proc/}
  pid=${pid%%/*}
  if [[ -n $pid && -r /proc/$pid/comm ]]; then
    printf '%s (pid %s)' "$(<"/proc/$pid/comm")" "$pid"
  else
    printf 'a process of another user'
  fi
}

is_chosen() { [[ " ${ports[*]} " == *" $1 "* ]]; }

# What the user asked for by NEXUS_PORT_n is taken or refused.
choose_wanted_ports() {
  local n name wanted
  for n in 1 2 3; do
    name=NEXUS_PORT_$n
    wanted=${!name:-}
    [[ -n $wanted ]] || continue
    if ! [[ $wanted =~ ^[1-9][0-9]{0,4}$ ]] || ((wanted > 65535)); then fail "$name: '$wanted' is no port" 2; fi
    if is_chosen "$wanted"; then fail "$name: port $wanted is named twice" 2; fi
    port_is_free "$wanted" || fail "$name: port $wanted is taken by $(listener_name "$wanted")"
    ports[n]=$wanted
  done
}

# Sets ports[1..3]. A default port that is taken gives way to a free one.
choose_ports() {
  local n port next=7711
  ports=()
  choose_wanted_ports
  for n in 1 2 3; do
    [[ -z ${ports[n]:-} ]] || continue
    port=$((7700 + n))
    if is_chosen "$port" || ! port_is_free "$port"; then
      while is_chosen "$next" || ! port_is_free "$next"; do next=$((next + 1)); done
      is_chosen "$port" || say "port $port is taken by $(listener_name "$port"); node $n uses $next instead"
      port=$next
    fi
    ports[n]=$port
  done
}
