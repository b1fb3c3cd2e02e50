#!/usr/bin/env bash
# What publishers by RTMP cost Onair, and what they cost nginx with its RTMP module: taken in alone, and made into HLS as
# Onair always does. Then what viewers by RTMP cost both, and viewers of FLV by HTTP, which Onair has.
#
#   apps/onair-bench/beside-nginx-rtmp.sh [STREAMS] [VIEWERS] [SECONDS] [ROUNDS]
#       after: cargo build --release -p onair -p onair-bench; apt install nginx libnginx-mod-rtmp
#
# Made-up streams of 4 Mbit/s, both servers up all the time, measured in turn.
set -euo pipefail
cd "$(dirname "$0")/../.."
streams=${1:-40} viewers=${2:-200} seconds=${3:-10} rounds=${4:-2}
bin=${CARGO_TARGET_DIR:-target}/release onair_bin=${ONAIR_BIN:-$bin/onair} dir=$(mktemp -d) http=18080 rtmp=11935 nginx_rtmp=11936
PATH=$PATH:/usr/sbin
chmod 755 "$dir"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT

"$onair_bin" serve --set http.listen=127.0.0.1:$http --set rtmp.listen=127.0.0.1:$rtmp --set log.level=warn &
onair=$! pids+=($!)

# One worker: a stream is known in the worker that took it.
mkdir "$dir/hls"
cat > "$dir/nginx.conf" <<EOF
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid $dir/pid; error_log $dir/errors;
events { worker_connections 4096; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:$nginx_rtmp; chunk_size 65536;
    application live { live on; }
    application hls { live on; hls on; hls_path $dir/hls; hls_fragment 2s; hls_playlist_length 30s; }
  }
}
EOF
nginx -c "$dir/nginx.conf" -e "$dir/errors" &
nginx=$! pids+=($!)
sleep 2
worker=$(pgrep -P "$nginx" -f 'worker process') # and not the one that clears away old segments

measure() { # NAME COMMAND URL PID [ARGUMENT]...
  "$bin/onair-bench" "$2" --url "$3" --pid "$4" --ramp 50 --warmup 4 --duration "$seconds" "${@:5}" | sed "1s/^/$1: /"
}
for _ in $(seq "$rounds"); do
  measure 'Onair' rtmp-publish "rtmp://127.0.0.1:$rtmp/live/s{}" "$onair" --n "$streams"
  sleep 1
  measure 'nginx, relay alone' rtmp-publish "rtmp://127.0.0.1:$nginx_rtmp/live/s{}" "$worker" --n "$streams"
  sleep 1
  measure 'nginx with HLS' rtmp-publish "rtmp://127.0.0.1:$nginx_rtmp/hls/s{}" "$worker" --n "$streams"
  sleep 1
  measure 'Onair, viewers' rtmp-play "rtmp://127.0.0.1:$rtmp/live/p" "$onair" --n "$viewers" \
    --publish "rtmp://127.0.0.1:$rtmp/live/p"
  sleep 1
  measure 'Onair, viewers by HTTP' flv "http://127.0.0.1:$http/flv/live/q" "$onair" --n "$viewers" \
    --publish "rtmp://127.0.0.1:$rtmp/live/q"
  sleep 1
  measure 'nginx, viewers' rtmp-play "rtmp://127.0.0.1:$nginx_rtmp/live/p" "$worker" --n "$viewers" \
    --publish "rtmp://127.0.0.1:$nginx_rtmp/live/p"
  sleep 1
done
