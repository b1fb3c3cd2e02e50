#!/usr/bin/env bash
# Pushes a moving test picture with the time of day, and a beep each second, until it is stopped.
#
#   examples/push-test-stream.sh [rtmp://localhost/live/test] [seconds]
set -euo pipefail
url=${1:-rtmp://localhost:1935/live/test}
limit=${2:+-t $2}

clock="drawtext=font=monospace:fontsize=96:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=16"
clock+=":x=(w-tw)/2:y=h-th-48:text='%{localtime\:%T}'"
beep="aevalsrc=0.25*sin(2*PI*880*t)*lt(mod(t\,1)\,0.08):sample_rate=48000:channel_layout=stereo"

# shellcheck disable=SC2086 # $limit is two words or none
exec ffmpeg -hide_banner -loglevel error -nostdin \
  -re -f lavfi -i "testsrc2=size=1280x720:rate=30,$clock" \
  -re -f lavfi -i "$beep" \
  -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -b:v 2500k -maxrate 2500k -bufsize 2500k -g 60 \
  -c:a aac -b:a 128k $limit \
  -f flv "$url"
