#!/usr/bin/env bash
# What viewers by WebRTC cost Onair, and what they cost SRS: the same made-up stream, published by WHIP and watched by WHEP.
#
#   SRS=…/trunk/objs/srs apps/onair-bench/beside-srs.sh [VIEWERS]… (50 100 150)
#       after: cargo build --release -p onair -p onair-bench;
#              SRS 7 by: ./configure --rtc=on --srt=off --ffmpeg-fit=off --sanitizer=off && make
#
# One server at a time, in turn.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${CARGO_TARGET_DIR:-target}/release") onair_bin=${ONAIR_BIN:-$bin/onair}
srs_bin=$(realpath "${SRS:?names the program of SRS}")
dir=$(mktemp -d) seconds=${SECONDS_EACH:-10} http=18080 media=18189
[ $# -gt 0 ] || set -- 50 100 150
server=
trap 'kill $server 2>/dev/null; wait; rm -rf "$dir"' EXIT

cat > "$dir/srs.conf" <<EOF
listen 127.0.0.1:11936; max_connections 4000; daemon off; pid $dir/pid;
srs_log_tank file; srs_log_file $dir/log; srs_log_level warn;
http_api { enabled on; listen 127.0.0.1:11985; }
rtc_server { enabled on; listen 18000; candidate 127.0.0.1; }
vhost __defaultVhost__ { min_latency on; rtc { enabled on; nack on; twcc on; rtmp_to_rtc off; rtc_to_rtmp off; } }
EOF

measure() { # NAME VIEWERS WHEP WHIP
  sleep 1.5
  "$bin/onair-bench" whep --url "$3" --publish "$4" --pid "$server" --n "$2" --duration "$seconds" | sed "1s|^|$1, $2: |"
  kill "$server"
  wait "$server" 2>/dev/null || true
}
for viewers in "$@"; do
  # It looks for its files beside its own place.
  (cd "$(dirname "$srs_bin")/.." && exec "$srs_bin" -c "$dir/srs.conf" > /dev/null) &
  server=$! api='http://127.0.0.1:11985/rtc/v1' stream='?app=live&stream=s'
  measure SRS "$viewers" "$api/whep/$stream" "$api/whip/$stream"
  "$onair_bin" serve --set "http.listen=127.0.0.1:$http" --set "webrtc.listen=127.0.0.1:$media" \
    --set rtmp.listen=127.0.0.1:11935 --set log.level=warn --set webrtc.max_connecting_per_address=4000 &
  server=$!
  measure Onair "$viewers" "http://127.0.0.1:$http/whep/live/s" "http://127.0.0.1:$http/whip/live/s"
done
