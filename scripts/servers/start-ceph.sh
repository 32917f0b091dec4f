#!/bin/bash
# Ceph RADOS Gateway on loopback: one monitor, one OSD in memory, one gateway. Empty at every start.
#   ./start-ceph.sh 16    an old production S3 server: no checksums, refuses aws-chunked streams
#   ./start-ceph.sh 20    a current one: checksums, conditional writes, tags
# Prints the environment to export. A second call with a live gateway only prints it. PORT sets the gateway's port.
# Stop: ./stop-ceph.sh 16|20
set -euo pipefail
. "$(dirname "$0")/state.sh"
case ${1:-} in
  16) suite=bookworm port=${PORT:-19016} monitor=19116 osd=19216 ;;
  20) suite=sid port=${PORT:-19020} monitor=19120 osd=19320 ;;
  *)
    echo "usage: $0 16|20" >&2
    exit 2
    ;;
esac
dir=$SERVERS_DIR/ceph$1
if alive "$dir" gateway && curl -s -o /dev/null -m 2 "http://127.0.0.1:$port/"; then
  cat "$dir/env.sh"
  exit
fi

"$HERE/make-root.sh" "$suite" radosgw ceph-mon ceph-osd ceph-common
in_root=("$HERE/in-root.sh" "$suite")
"${in_root[@]}" radosgw --version | grep -q "ceph version $1\." || {
  echo "Debian $suite no longer has Ceph $1: $("${in_root[@]}" radosgw --version)" >&2
  exit 1
}
"$HERE/stop-ceph.sh" "$1" >/dev/null
must_be_free "http://127.0.0.1:$port/"
rm -rf "$dir"
mkdir -p "$dir"/{mon.a,osd.0,run}
fsid=$(cat /proc/sys/kernel/random/uuid)
conf=$dir/ceph.conf
cat >"$conf" <<CONF
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$monitor
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# The gateway's default is "secure", which is impossible without authentication: it would hang 70 seconds at start.
ms mon client mode = crc
ms bind ipv6 = false
ms bind port min = $osd
ms bind port max = $((osd + 80))
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon data avail warn = 2
paxos propose interval = 0.05
paxos min wait = 0.01
run dir = $dir/run
admin socket = $dir/run/\$name.\$pid.asok
log file = $dir/\$name.log
crash dir = $dir
keyring = $dir/keyring
[mon.a]
mon data = $dir/mon.a
[osd.0]
osd data = $dir/osd.0
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $dir/run
rgw thread pool size = 32
CONF
: >"$dir/keyring"

access=TESTACCESSKEY0000001
secret=testsecretkeytestsecretkeytestsecretkey1
{
  "${in_root[@]}" monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor]" "$dir/monmap"
  "${in_root[@]}" ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
  spawn "$dir" mon "${in_root[@]}" ceph-mon -c "$conf" -i a -f
  osd_uuid=$(cat /proc/sys/kernel/random/uuid)
  "${in_root[@]}" ceph -c "$conf" --connect-timeout 30 osd new "$osd_uuid" 0
  "${in_root[@]}" ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd_uuid"
  spawn "$dir" osd "${in_root[@]}" ceph-osd -c "$conf" -i 0 -f
  for _ in $(seq 100); do
    "${in_root[@]}" ceph -c "$conf" osd stat 2>/dev/null | grep -q ' 1 up' && break
    sleep .1
  done
  "${in_root[@]}" radosgw-admin -c "$conf" user create --uid=test --display-name=Test --access-key="$access" --secret-key="$secret"
} >"$dir/boot.log" 2>&1 || {
  tail -n 20 "$dir/boot.log" >&2
  exit 1
}
spawn "$dir" gateway "${in_root[@]}" radosgw -c "$conf" -n client.rgw.a -f
until_answers "http://127.0.0.1:$port/" "$dir" gateway
cat >"$dir/env.sh" <<ENV
export S3_SERVER=ceph$1
export S3_ENDPOINT=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=$access
export AWS_SECRET_ACCESS_KEY=$secret
export AWS_REGION=us-east-1
ENV
cat "$dir/env.sh"
