"""The second half of ./demo: runs a publisher and a viewer, measures, and judges what came out.

What is measured. Both pipelines have a tee beside the MoQ element: in the publisher just before moqsink, in the viewer
just after moqsrc. From there every access unit goes through a pipe, framed by gdppay, to this process, which notes when
its last byte arrived: one clock for both sides. An access unit is recognised by the hash of its coded slices, so the
latency is that of one and the same frame, and a frame that was changed on the way does not count. The time is that
from handing a frame to moqsink until moqsrc hands it on, with the cost of a pipe on both sides; encoding, decoding and
the viewer's `latency` are not in it. With --file the publisher's pipe waits for the clock as moqsink does, so that the
time runs from the moment when the frame is due. Frames sent before the viewer had its first one are left out of the
latency: the viewer got them in one burst when it joined.
"""

import argparse
import fcntl
import glob
import hashlib
import json
import os
import re
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import time

JOIN_SECONDS = 20  # how long the first frame may take
END_SECONDS = 6  # how long the end of the broadcast may take to come through
GDP_HEADER = 62  # bytes in front of every payload of gdppay
GDP_BUFFER = 1  # the payload type of a media buffer
LARGEST_PAYLOAD = 1 << 28


class Failure(Exception):
    """A sentence for the user."""


def main():
    options = arguments()
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    for old in glob.glob(os.path.join(options.out, "picture-*.png")):
        os.remove(old)
    run = Run(options)
    try:
        check_elements()
        if options.browser:
            return run.show()
        run.play()
        run.report()
    except Failure as failure:
        run.stop()
        print(f"error: {failure}", file=sys.stderr)
        run.print_logs()
        print(run.result())
        return 1
    except KeyboardInterrupt:
        if options.browser:
            return 0
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        run.stop()
    print(run.result())
    return 0


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--file")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--window", action="store_true")
    parser.add_argument("--browser", action="store_true")
    return parser.parse_args()


def check_elements():
    """Finds a plugin that does not load, or a missing one, before anything starts."""
    for element in ["moqsink", "moqsrc", "x264enc", "avdec_h264", "gdppay", "clockoverlay", "pngenc"]:
        inspect = subprocess.run(["gst-inspect-1.0", element], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if inspect.returncode != 0:
            raise Failure(f"GStreamer has no element {element}: {inspect.stderr.strip() or inspect.stdout.strip()}")


class Run:
    """One publisher, one viewer, and what came through the pipes."""

    def __init__(self, options):
        self.options = options
        self.processes = []
        self.selector = selectors.DefaultSelector()
        self.audio = True
        self.snapshot = None
        self.latencies = []
        self.sent = self.got = self.sent_audio = self.got_audio = None

    def play(self):
        port = free_port()
        if self.options.file:
            self.audio = tracks_of(self.options.file)
        publisher = self.start("publisher", self.publisher(port))
        viewer = self.start("viewer", self.viewer(port))
        self.wait_until(lambda: self.got.units or publisher.ended() or viewer.ended(), JOIN_SECONDS)
        if not self.got.units and publisher.ended() and self.sent.units:
            # A file shorter than the time to join: its end is delivered all the same.
            self.wait_until(lambda: self.got.units or viewer.ended(), END_SECONDS)
        if not self.got.units:
            raise Failure(self.nothing_arrived(publisher, viewer))
        self.wait_until(lambda: publisher.ended() or viewer.ended(), self.options.seconds)
        if viewer.ended() and not self.wait_until(publisher.ended, END_SECONDS):
            # At the end of a file both end, in either order.
            raise Failure(f"the viewer ended before the publisher did, see {viewer.log}")
        publisher.interrupt()
        if not self.wait_until(publisher.ended, END_SECONDS):
            print("note: the publisher did not end when asked to, it was killed")
            publisher.stop()
        if not self.wait_until(viewer.ended, END_SECONDS):
            print("note: the end of the broadcast did not reach the viewer, it was interrupted")
            viewer.interrupt()
            self.wait_until(viewer.ended, END_SECONDS)
            viewer.stop()
        for process in (publisher, viewer):
            if process.failed():
                raise Failure(f"the {process.name} ended with status {process.status()}, see {process.log}")

    def show(self):
        """Publishes for browsers until stopped."""
        port = free_port()
        if self.options.file:
            self.audio = tracks_of(self.options.file)
        publisher = self.start("publisher", self.publisher(port, taps=False))
        if not self.wait_until(lambda: publisher.ended() or answers(port), JOIN_SECONDS) or publisher.ended():
            raise Failure(f"the publisher does not serve, see {publisher.log}")
        print(f"\nOpen this address in Chrome, Edge or Chromium:\n\n    http://127.0.0.1:{port}/\n\nCtrl-C ends it.")
        while not publisher.ended():
            time.sleep(0.2)
        if publisher.failed():
            raise Failure(f"the publisher ended with status {publisher.status()}, see {publisher.log}")
        return 0

    def nothing_arrived(self, publisher, viewer):
        for process in (publisher, viewer):
            if process.failed():
                return f"the {process.name} ended with status {process.status()}, see {process.log}"
        if not self.sent.units:
            return f"the publisher sent nothing, see {publisher.log}"
        return f"the publisher sent {len(self.sent.units)} frames, but the viewer got none, see {viewer.log}"

    def publisher(self, port, taps=True):
        # A live source sets the pace itself, so moqsink sends at once. A file is read as fast as it goes and moqsink
        # paces it; its frames count from the moment when the clock calls for them.
        paced = "true" if self.options.file else "false"
        sink = f"moqsink name=s listen=127.0.0.1:{port} broadcast=cam sync={paced}"
        if self.options.file:
            source = f"filesrc location={shlex.quote(self.options.file)} ! qtdemux name=d {sink}"
            video = "d.video_0 ! queue ! h264parse"
            audio = "d.audio_0 ! queue ! aacparse"
        else:
            source = sink
            # What the encoder has no time for is left out: it would be behind for good, by seconds where a browser that
            # starts takes the processors.
            video = (
                "videotestsrc is-live=true pattern=smpte ! video/x-raw,width=1280,height=720,framerate=30/1"
                " ! queue leaky=downstream max-size-buffers=1"
                ' ! clockoverlay time-format=%H:%M:%S font-desc="Sans 48" halignment=center valignment=center'
                " ! timeoverlay halignment=right valignment=bottom"
                " ! x264enc tune=zerolatency speed-preset=veryfast bitrate=4000 key-int-max=60"
            )
            audio = "audiotestsrc is-live=true wave=ticks ! opusenc"
        if not taps:
            # The page shows how old the picture is when it knows the time of day.
            source = source.replace("moqsink name=s ", "moqsink name=s wall-clock=system ")
            return f"{source} {video} ! queue ! s.sink_0" + (f" {audio} ! queue ! s.sink_1" if self.audio else "")
        self.sent, video_tap = self.video_tap(paced)
        self.sent_audio, audio_tap = self.tap(whole, "queue", paced)
        line = f"{source} {video} ! tee name=v v. ! queue ! s.sink_0 v. ! {video_tap}"
        if self.audio:
            line += f" {audio} ! tee name=a a. ! queue ! s.sink_1 a. ! {audio_tap}"
        return line

    def viewer(self, port):
        self.got, video_tap = self.video_tap()
        self.got_audio, audio_tap = self.tap(whole, "queue")
        pictures = os.path.join(self.options.out, "picture-%05d.png")
        line = (
            f"moqsrc name=m url=http://127.0.0.1:{port}/ broadcast=cam"
            f" m.video_0 ! tee name=v v. ! {video_tap} v. ! queue ! decodebin ! tee name=p"
            " p. ! queue ! videorate drop-only=true ! video/x-raw,framerate=1/1 ! videoconvert ! pngenc"
            f" ! multifilesink location={shlex.quote(pictures)} max-files=3"
        )
        if self.options.window:
            line += " p. ! queue ! videoconvert ! autovideosink"
        if self.audio:
            line += f" m.audio_0 ! tee name=a a. ! {audio_tap} a. ! queue ! fakesink"
        return line

    def video_tap(self, paced="false"):
        return self.tap(slices, "queue ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au", paced)

    def tap(self, key, branch, paced="false"):
        """A branch of a pipeline, and the reader of what it writes."""
        reader, writer = os.pipe()
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
        except OSError:
            pass  # a small pipe works too
        tap = Tap(reader, writer, key)
        self.selector.register(reader, selectors.EVENT_READ, tap)
        return tap, f"{branch} ! clocksync sync={paced} ! gdppay ! fdsink fd={writer} async=false"

    def start(self, name, line):
        taps = [tap for tap in (self.sent, self.sent_audio, self.got, self.got_audio) if tap and tap.writer is not None]
        log = os.path.join(self.options.out, f"{name}.log")
        process = Process(name, line, [tap.writer for tap in taps], log)
        self.processes.append(process)
        for tap in taps:
            tap.close_writer()
        return process

    def wait_until(self, done, seconds):
        """Reads the pipes until `done`, or until the time is over."""
        deadline = time.monotonic() + seconds
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.read(min(left, 0.1))
        self.read(0)
        return True

    def read(self, timeout):
        for key, _ in self.selector.select(timeout):
            if not key.data.read():
                self.selector.unregister(key.fileobj)
                os.close(key.fileobj)

    def report(self):
        joined = self.got.units[0][1]
        travels = [(self.sent.last_before(unit, when), when) for unit, when in self.got.units]
        self.latencies = sorted((got - sent) * 1000 for sent, got in travels if sent is not None and sent >= joined)
        burst = sum(1 for sent, _ in travels if sent is not None and sent < joined)
        foreign = sum(1 for sent, _ in travels if sent is None)
        expected = [unit for unit, when in self.sent.units if when >= joined]
        lost = sum(1 for unit in expected if unit not in self.got.times)
        print(f"frames received: {len(self.got.units)}, {burst} of them in the burst of the join")
        print(f"frames sent since the join: {len(expected)}, lost: {lost}, changed on the way: {foreign}")
        if self.audio:
            same = sum(1 for unit, _ in self.got_audio.units if unit in self.sent_audio.times)
            print(f"audio packets received: {len(self.got_audio.units)}, identical to one that was sent: {same}")
        if self.latencies:
            print(
                f"latency from moqsink's input to moqsrc's output: p50 {self.percentile(50)} ms,"
                f" p99 {self.percentile(99)} ms, over {len(self.latencies)} frames"
            )
        self.snapshot = newest_picture(self.options.out)
        print(f"snapshot of the received picture: {self.snapshot}")
        if foreign == len(self.got.units):
            raise Failure("no frame that arrived is one that was sent")
        if self.audio and not self.got_audio.units:
            raise Failure("the picture arrived, but no sound")

    def percentile(self, percent):
        if not self.latencies:
            return None
        rank = max(0, -(-len(self.latencies) * percent // 100) - 1)
        return round(self.latencies[rank], 2)

    def result(self):
        return json.dumps(
            {
                "frames": len(self.got.units) if self.got else 0,
                "latency_ms_p50": self.percentile(50),
                "latency_ms_p99": self.percentile(99),
                "snapshot": self.snapshot,
            }
        )

    def print_logs(self):
        for process in self.processes:
            print(f"--- the end of {process.log}", file=sys.stderr)
            with open(process.log, errors="replace") as log:
                print("".join(log.readlines()[-25:]), end="", file=sys.stderr)

    def stop(self):
        for process in self.processes:
            process.stop()


class Process:
    """One gst-launch-1.0 of ours."""

    def __init__(self, name, line, fds, log):
        self.name = name
        self.log = log
        self.stopped = False
        command = ["gst-launch-1.0", "-e", *shlex.split(line)]
        print(f"{name}: gst-launch-1.0 -e {line}")
        with open(log, "w") as output:
            # A session of its own: Ctrl-C reaches this process, which then ends its children in order.
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                start_new_session=True,
            )

    def ended(self):
        return self.child.poll() is not None

    def status(self):
        return self.child.returncode

    def failed(self):
        """Ended with an error, or by a signal that was not ours."""
        return self.ended() and self.status() != 0 and not self.stopped

    def interrupt(self):
        """Asks for the end of the stream, as Ctrl-C does."""
        if not self.ended():
            self.child.send_signal(signal.SIGINT)

    def stop(self):
        for ask, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 2)):
            if self.ended():
                return
            self.stopped = True
            self.child.send_signal(ask)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass


class Tap:
    """Reads gdppay's framing from a pipe and notes when each media buffer was complete."""

    def __init__(self, reader, writer, key):
        self.reader, self.writer, self.key = reader, writer, key
        self.pending = bytearray()
        self.units = []  # (hash of a buffer, when it was seen in seconds), in order
        self.times = {}  # hash of a buffer → when it was seen; a still picture may repeat itself

    def close_writer(self):
        os.close(self.writer)
        self.writer = None

    def read(self):
        """Takes what the pipe has; false at its end."""
        data = os.read(self.reader, 1 << 20)
        now = time.monotonic()
        self.pending += data
        while len(self.pending) >= GDP_HEADER:
            kind = int.from_bytes(self.pending[4:6], "big")
            size = int.from_bytes(self.pending[6:10], "big")
            if size > LARGEST_PAYLOAD:
                raise Failure(f"a pipe from gst-launch-1.0 carries no GDP: a payload of {size} bytes")
            if len(self.pending) < GDP_HEADER + size:
                break
            payload = bytes(self.pending[GDP_HEADER : GDP_HEADER + size])
            del self.pending[: GDP_HEADER + size]
            if kind == GDP_BUFFER:
                self.take(payload, now)
        return bool(data)

    def take(self, payload, now):
        unit = self.key(payload)
        if unit is not None:
            self.units.append((unit, now))
            self.times.setdefault(unit, []).append(now)

    def last_before(self, unit, when):
        """When the unit was seen that could have arrived elsewhere at `when`; None if it never was."""
        times = self.times.get(unit, [])
        return max((time for time in times if time <= when), default=min(times, default=None))


def slices(unit):
    """What identifies an H.264 access unit whatever parameter sets stand in front: its coded slices. None if it has none."""
    digest = hashlib.sha1()
    found = False
    for nal in re.split(rb"\x00\x00\x01", unit)[1:]:
        if nal and 1 <= nal[0] & 0x1F <= 5:
            digest.update(nal.rstrip(b"\x00"))
            found = True
    return digest.digest() if found else None


def whole(packet):
    return hashlib.sha1(packet).digest() if packet else None


def free_port():
    """A port that is free for UDP and TCP: moqsink listens on both."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("no port on 127.0.0.1 is free for both UDP and TCP")


def answers(port):
    """Whether a server accepts TCP connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def tracks_of(path):
    """Whether an MP4 file has AAC beside its H.264; a failure if it cannot be played by this demo."""
    kinds = {}
    with open(path, "rb") as file:
        for trak in boxes(file, [b"moov", b"trak"]):
            kind = codec = None
            for handler in boxes(file, [b"mdia", b"hdlr"], trak):
                kind = payload(file, handler)[8:12]
            for description in boxes(file, [b"mdia", b"minf", b"stbl", b"stsd"], trak):
                codec = payload(file, description)[12:16]
            kinds.setdefault(kind, codec)
    video, audio = kinds.get(b"vide"), kinds.get(b"soun")
    if video not in (b"avc1", b"avc3"):
        found = "no video" if video is None else f"video of the kind {video.decode('latin-1')}"
        raise Failure(f"--file plays MP4 files with H.264, but {path} has {found}")
    if audio not in (None, b"mp4a"):
        print(f"note: sound of the kind {audio.decode('latin-1')} is left out, only AAC is played")
    return audio == b"mp4a"


def boxes(file, path, within=None):
    """The extents (start of the payload, end) of the MP4 boxes that lie at `path`."""
    position, end = within or (0, os.fstat(file.fileno()).st_size)
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        size, skip = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:
            size = end - position
        if size < skip or position + size > end:
            return
        if header[4:8] == path[0]:
            extent = (position + skip, position + size)
            if len(path) == 1:
                yield extent
            else:
                yield from boxes(file, path[1:], extent)
        position += size


def payload(file, extent, most=64):
    file.seek(extent[0])
    return file.read(min(extent[1] - extent[0], most))


def newest_picture(out):
    """Renames the newest whole picture to snapshot.png; a failure if there is none, or only a flat colour."""
    pictures = sorted(glob.glob(os.path.join(out, "picture-*.png")), reverse=True)
    flat = False
    for picture in pictures:
        pixels = thumbnail(picture)
        if pixels and max(pixels) - min(pixels) >= 16:
            snapshot = os.path.join(out, "snapshot.png")
            os.replace(picture, snapshot)
            for other in pictures:
                if other != picture:
                    os.remove(other)
            return snapshot
        flat = flat or bool(pixels)
    if flat:
        raise Failure(f"frames arrived, but the pictures in {out} are a single flat colour")
    raise Failure("frames arrived, but no picture could be decoded from them")


def thumbnail(picture):
    """The picture's brightness as 64 × 36 bytes, or nothing if it is not a whole PNG file."""
    line = (
        f"filesrc location={shlex.quote(picture)} ! pngdec ! videoscale ! videoconvert"
        " ! video/x-raw,format=GRAY8,width=64,height=36 ! fdsink"
    )
    try:
        done = subprocess.run(
            ["gst-launch-1.0", "-q", *shlex.split(line)], stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout if done.returncode == 0 and len(done.stdout) == 64 * 36 else b""


if __name__ == "__main__":
    sys.exit(main())
