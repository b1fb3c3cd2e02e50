#!/usr/bin/env bash
# What viewers of ordinary HLS cost Onair, and what they cost nginx with the same playlists and segments as files.
#
#   apps/onair-bench/beside-nginx.sh [VIEWERS] [SECONDS] [ROUNDS]      after: cargo build --release -p onair -p onair-bench
#
# One source of 4.1 Mbit/s (encoded beforehand, so that nothing is encoded while measuring), one loader, both servers up all the
# time, measured in turn. nginx has its best case: files in the page cache, sendfile, playlists packed beforehand.
set -euo pipefail
cd "$(dirname "$0")/../.."
viewers=${1:-400} seconds=${2:-20} rounds=${3:-2}
bin=${CARGO_TARGET_DIR:-target}/release onair_bin=${ONAIR_BIN:-$bin/onair} dir=$(mktemp -d) http=18080 rtmp=11935 files=18081
PATH=$PATH:/usr/sbin
chmod 755 "$dir"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT

# Noise fills the bits: a test picture alone would not need them.
source=${BENCH_SOURCE:-$dir/source.flv}
[ -f "$source" ] || ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=1280x720:rate=30,noise=alls=30:allf=t -f lavfi -i sine=sample_rate=48000 \
  -t 60 -c:v libx264 -preset ultrafast -tune zerolatency -g 60 -keyint_min 60 -sc_threshold 0 -pix_fmt yuv420p \
  -b:v 4000k -minrate 4000k -maxrate 4000k -bufsize 2000k -c:a aac -b:a 96k -f flv "$source"

"$onair_bin" serve --set http.listen=127.0.0.1:$http --set rtmp.listen=127.0.0.1:$rtmp --set log.level=warn &
onair=$! pids+=($!)
sleep 1
ffmpeg -nostdin -v error -re -stream_loop -1 -i "$source" -c copy -f flv rtmp://127.0.0.1:$rtmp/live/bench 2>"$dir/ffmpeg.log" &
pids+=($!)

# mirror   copies new segments, then the playlists that name them
mirror() {
  local base=http://127.0.0.1:$http list file name
  mkdir -p "$dir/www/hls/live/bench"
  while sleep 0.3; do
    for name in v0 a1 index; do
      list=$dir/www/hls/live/bench/$name.m3u8
      curl -sf "$base/hls/live/bench/$name.m3u8" -o "$dir/list" || continue
      for file in $(sed -n 's/^#EXT-X-MAP:URI="\([^"]*\)".*/\1/p; /^#/!p' "$dir/list" | grep -o 'media/.*' || true); do
        [ -f "$dir/www/$file" ] && continue
        mkdir -p "$dir/www/${file%/*}"
        curl -sf "$base/$file" -o "$dir/www/$file.new" && mv "$dir/www/$file.new" "$dir/www/$file"
      done
      gzip -c "$dir/list" > "$list.gz.new" && mv "$list.gz.new" "$list.gz"
      mv "$dir/list" "$list"
    done
  done
}
mirror & mirror=$! pids+=($!)

cat > "$dir/nginx.conf" <<EOF
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
daemon off; worker_processes ${NGINX_WORKERS:-2}; worker_rlimit_nofile 8192; pid $dir/pid; error_log $dir/errors;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 65; gzip_static on;
  types { application/vnd.apple.mpegurl m3u8; video/mp4 mp4 m4s; }
  client_body_temp_path $dir/1; proxy_temp_path $dir/2; fastcgi_temp_path $dir/3; uwsgi_temp_path $dir/4; scgi_temp_path $dir/5;
  server { listen 127.0.0.1:$files; root $dir/www; add_header Cache-Control "public, max-age=1"; }
}
EOF
nginx -c "$dir/nginx.conf" -e "$dir/errors" &
nginx=$! pids+=($!)
until curl -sf http://127.0.0.1:$files/hls/live/bench/index.m3u8 >/dev/null; do sleep 0.5; done
sleep 8
workers=$(cat /proc/$nginx/task/$nginx/children | tr -s ' ' ',')

measure() { # NAME PORT PIDS
  "$bin/onair-bench" hls --url "http://127.0.0.1:$2/hls/live/bench/index.m3u8" --n "$viewers" --ramp 200 --warmup 5 \
    --duration "$seconds" --pid "$3" | sed "1s/^/$1: /"
}
for _ in $(seq "$rounds"); do
  kill -STOP $mirror # it is no viewer
  measure onair $http "$onair"
  kill -CONT $mirror
  sleep 4
  measure nginx $files "$nginx,${workers%,}"
done
