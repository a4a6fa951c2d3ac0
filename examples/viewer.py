#!/usr/bin/env python3
"""Plays a broadcast in an application of one's own: pads, renditions and messages.

    GST_PLUGIN_PATH=target/release examples/viewer.py 'moq://relay.example.com/demo/cam'

Needs PyGObject (Debian: python3-gi, gir1.2-gstreamer-1.0).
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def say(*words, to=sys.stdout):
    """A whole line at once: pads come and go in other threads than messages."""
    to.write(" ".join(words) + "\n")
    to.flush()


class Viewer:
    def __init__(self, uri, video_sink, audio_sink):
        self.sinks = {"video": video_sink, "audio": audio_sink}
        self.failed = False
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new("viewer")
        self.source = Gst.Element.make_from_uri(Gst.URIType.SRC, uri, "source")
        self.pipeline.add(self.source)
        self.source.connect("pad-added", self.on_pad_added)
        self.source.connect("pad-removed", lambda _, pad: say("gone:", pad.get_name()))
        self.source.connect("no-more-pads", lambda _: say("no more pads"))
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        try:
            self.loop.run()
        except KeyboardInterrupt:
            pass
        finally:
            self.pipeline.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def on_pad_added(self, _source, pad):
        """Called from a thread of the source. Whatever stays unlinked costs no bandwidth."""
        name = pad.get_name()
        say("pad:", name, pad.get_current_caps().to_string())
        kind = name.split("_")[0]
        sink = self.sinks.pop(kind, None)
        if sink is None:
            return
        convert = "videoconvert" if kind == "video" else "audioconvert ! audioresample"
        description = f"queue name=input ! decodebin ! {convert} ! {sink}"
        branch = Gst.parse_bin_from_description(description, False)
        entrance = branch.get_by_name("input").get_static_pad("sink")
        branch.add_pad(Gst.GhostPad.new("sink", entrance))
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def on_message(self, _bus, message):
        kind = message.type
        if kind == Gst.MessageType.PROGRESS:
            _kind, _code, text = message.parse_progress()
            say(text)
        elif kind == Gst.MessageType.WARNING:
            say("warning:", message.parse_warning()[0].message)
        elif kind == Gst.MessageType.ERROR:
            say("error:", message.parse_error()[0].message, to=sys.stderr)
            self.failed = True
            self.loop.quit()
        elif kind == Gst.MessageType.EOS:
            say("the broadcast has ended")
            self.loop.quit()
        elif kind == Gst.MessageType.LATENCY:
            self.pipeline.recalculate_latency()
        elif kind == Gst.MessageType.STREAM_COLLECTION:
            collection = message.parse_stream_collection()
            for index in range(collection.get_size()):
                stream = collection.get_stream(index)
                say("stream:", stream.get_stream_id().split("/")[-1], stream.get_caps().to_string())


def main():
    parser = argparse.ArgumentParser(description="Plays a broadcast.")
    parser.add_argument("uri", help="such as moq://relay.example.com/demo/cam")
    parser.add_argument("--video-sink", default="autovideosink", help="what shows the picture")
    parser.add_argument("--audio-sink", default="autoaudiosink", help="what plays the sound")
    options = parser.parse_args()
    Gst.init(None)
    try:
        viewer = Viewer(options.uri, options.video_sink, options.audio_sink)
    except GLib.Error as error:
        sys.exit(f"error: {error.message}")
    return viewer.run()


if __name__ == "__main__":
    sys.exit(main())
