#!/usr/bin/python3
"""Publishes a test picture and a tone by WHIP with GStreamer's webrtcbin, as whipclientsink does: gathers fully, POSTs,
takes the answer, and says goodbye by DELETE.

    webrtcbin.py URL SECONDS
"""
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=webrtc bundle-policy=max-bundle
videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=30/1 ! videoconvert
  ! openh264enc bitrate=500000 gop-size=30 complexity=low ! h264parse
  ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtc.
audiotestsrc is-live=true wave=sine ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2
  ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! webrtc.
"""

url, seconds = sys.argv[1], float(sys.argv[2])
Gst.init(None)
pipeline = Gst.parse_launch(PIPELINE)
webrtc = pipeline.get_by_name("webrtc")
loop = GLib.MainLoop()
session = None


def send(method, address, body=None):
    request = urllib.request.Request(address, method=method, data=body and body.encode())
    if body:
        request.add_header("Content-Type", "application/sdp")
    return urllib.request.urlopen(request, timeout=10)


def on_offer(promise, _):
    promise.wait()
    reply = promise.get_reply()
    offer = reply.get_value("offer")
    webrtc.emit("set-local-description", offer, Gst.Promise.new())


def on_gathering(*_):
    global session
    if webrtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE or session:
        return
    offer = webrtc.get_property("local-description").sdp.as_text()
    response = send("POST", url, offer)
    session = urllib.parse.urljoin(url, response.headers["Location"])
    _, sdp = GstSdp.SDPMessage.new_from_text(response.read().decode())
    answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
    webrtc.emit("set-remote-description", answer, Gst.Promise.new())


def on_state(*_):
    print("state", webrtc.get_property("connection-state").value_nick, flush=True)


def on_error(_, message):
    print("error", message.parse_error(), flush=True)
    loop.quit()


webrtc.connect("on-negotiation-needed", lambda _: webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer, None)))
webrtc.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(on_gathering))
webrtc.connect("notify::connection-state", on_state)
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message::error", on_error)
pipeline.set_state(Gst.State.PLAYING)
GLib.timeout_add(int(seconds * 1000), loop.quit)
loop.run()
pipeline.set_state(Gst.State.NULL)
if session:
    print("delete", send("DELETE", session).status, flush=True)
