#!/usr/bin/env bash
# A Ceph object gateway, with one monitor and one storage daemon that keeps everything in memory, on the loopback.
#
#   tests/servers/radosgw.sh FOLDER PORT [MONITOR_PORT]
#
# Needs Debian's radosgw, ceph-mon, ceph-osd and ceph-common, and the right to be root or the user ceph. Writes to
# FOLDER, which must be empty and its path short (sockets are made in it); says "ready" on standard output, then runs
# until it is told to stop (SIGTERM) or its standard input is closed. The keys are in ACCESS_KEY and SECRET_KEY.
set -euo pipefail

folder=$(realpath "$1") port=$2 monitor_port=${3:-$((port + 1))}
access_key=${ACCESS_KEY:?name a key} secret_key=${SECRET_KEY:?give its secret}
conf=$folder/ceph.conf
mkdir -p "$folder"/{mon,osd,run,rgw}

cat >"$conf" <<EOF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$monitor_port/0
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
run dir = $folder/run
admin socket = $folder/run/\$name.\$pid.asok
log file = $folder/\$name.log
pid file =
mon data = $folder/mon
mon allow pool size one = true
mon warn on pool no redundancy = false
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd max object name len = 256
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw thread pool size = 64
debug rgw = 0
debug osd = 0
debug mon = 0
debug ms = 0
EOF

children=()
stop() {
    trap - EXIT TERM INT
    for child in "${children[@]}"; do kill -9 "$child" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 0' TERM INT

start() {
    "$@" </dev/null >>"$folder/out.log" 2>&1 &
    children+=($!)
}

fsid=$(sed -n 's/^fsid = //p' "$conf")
{
    monmaptool --create --fsid "$fsid" --addv a "v2:127.0.0.1:$monitor_port" "$folder/monmap"
    ceph-mon -c "$conf" -i a --mkfs --monmap "$folder/monmap"
} >>"$folder/out.log" 2>&1
start ceph-mon -c "$conf" -i a -f

osd=$(cat /proc/sys/kernel/random/uuid)
timeout 120 ceph -c "$conf" --connect-timeout 60 osd new "$osd" 0 >>"$folder/out.log" 2>&1
ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" >>"$folder/out.log" 2>&1
start ceph-osd -c "$conf" -i 0 -f

start radosgw -c "$conf" -n client.rgw -f
timeout 200 radosgw-admin -c "$conf" user create --uid test --display-name test \
    --access-key "$access_key" --secret-key "$secret_key" >>"$folder/out.log" 2>&1
for _ in $(seq 1200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo ready
        cat >/dev/null # until standard input is closed
        exit 0
    fi
    sleep 0.1
done
echo "the gateway does not listen; see $folder/out.log" >&2
exit 1
