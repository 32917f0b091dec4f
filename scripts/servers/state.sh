# shellcheck shell=bash
# Sourced by the scripts beside it: where the servers' files lie, and how one process is started and stopped.
# Everything is under $SERVERS_DIR; nothing of the host changes except the package mmdebstrap.

# chroot, private mounts and package installation need root.
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=TMPDIR,SERVERS_DIR,DEBIAN_MIRROR,PORT,UPSTREAM "$0" "$@"

HERE=$(cd "$(dirname "$0")" && pwd)
SERVERS_DIR=${SERVERS_DIR:-${TMPDIR:-/tmp}/whatsapp-media-archive-servers}
export SERVERS_DIR
mkdir -p "$SERVERS_DIR"

# A pid is reused one day; together with its start time it names one process for good.
started() {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
}

# alive DIR NAME: whether the process that `spawn` started still runs.
alive() {
  local pid start
  read -r pid start 2>/dev/null <"$1/$2.pid" && [ -n "$start" ] && [ "$(started "$pid")" = "$start" ]
}

# spawn DIR NAME COMMAND…: runs in the background, in a session of its own, with its output in DIR/NAME.log.
spawn() {
  local dir=$1 name=$2 pid
  shift 2
  setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(started "$pid")" >"$dir/$name.pid"
}

# halt DIR NAME: ends what `spawn` started, and nothing else.
halt() {
  local pid
  if alive "$1" "$2"; then
    read -r pid _ <"$1/$2.pid"
    kill "$pid"
    for _ in $(seq 100); do
      alive "$1" "$2" || break
      sleep .1
    done
    if alive "$1" "$2"; then kill -9 "$pid"; fi
  fi
  rm -f "$1/$2.pid"
}

# must_be_free URL: fails when something already answers there, because it would be taken for our server.
must_be_free() {
  if curl -s -o /dev/null -m 2 "$1"; then
    echo "something else answers at $1" >&2
    return 1
  fi
}

# until_answers URL DIR NAME: waits at most a minute for any HTTP answer; fails at once when the process died.
until_answers() {
  for _ in $(seq 600); do
    curl -s -o /dev/null -m 2 "$1" && return
    alive "$2" "$3" || break
    sleep .1
  done
  echo "$3 does not answer at $1; see $2" >&2
  tail -n 20 "$2/$3.log" >&2
  return 1
}
