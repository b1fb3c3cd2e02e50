#!/usr/bin/env bash
# Pushes a moving test picture with the time of day until it is stopped. Each second it beeps and a light goes on.
#
#   examples/push-test-stream.sh [rtmp://localhost/live/test] [seconds]
set -euo pipefail
url=${1:-rtmp://localhost:1935/live/test}
limit=${2:+-t $2}

backdrop="gradients=size=1280x720:rate=30:nb_colors=3:c0=0x0b1d3a:c1=0x5b2a86:c2=0xd9536f:speed=0.006:seed=7"
clock="drawtext=font=monospace:fontsize=150:fontcolor=white:x=(w-tw)/2:y=(h-th)/2-20:text='%{localtime\:%T}'"
since="drawtext=font=monospace:fontsize=40:fontcolor=white@0.7:x=(w-tw)/2:y=h/2+90:text='%{pts\:hms}'"
light="drawbox=x=iw/2-90:y=170:w=180:h=14:color=white:t=fill:enable='lt(mod(t,1),0.08)'"
second="color=white@0.8:size=1280x10:rate=30,format=yuva420p[bar];[lit][bar]overlay=x='W*(mod(t,1)-1)':y=H-10"
picture="$backdrop,$clock,$since,$light[lit];$second"
beep="aevalsrc=0.25*sin(2*PI*880*t)*lt(mod(t\,1)\,0.08):sample_rate=48000:channel_layout=stereo"

# shellcheck disable=SC2086 # $limit is two words or none
exec ffmpeg -hide_banner -loglevel error -nostdin \
  -re -f lavfi -i "$picture" \
  -re -f lavfi -i "$beep" \
  -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -b:v 2500k -maxrate 2500k -bufsize 2500k -g 60 \
  -c:a aac -b:a 128k $limit \
  -f flv "$url"
