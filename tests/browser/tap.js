// Runs in each page before anything of the page does: notes what its camera and microphone give, what its encoders give and
// what its decoders are given.
(() => {
  // Times in milliseconds, sizes, and whether they are keyframes.
  const encoded = { video: [], audio: [] };
  const tap = (name, kind) => {
    window[name] = class extends window[name] {
      constructor({ output, error }) {
        const note = (chunk, metadata) => {
          encoded[kind].push([chunk.timestamp / 1000, chunk.byteLength, chunk.type === "key"]);
          output(chunk, metadata);
        };
        super({ output: note, error });
      }
    };
  };
  tap("VideoEncoder", "video");
  tap("AudioEncoder", "audio");
  window.encoded = encoded;

  // What camera and microphone really made, before anything of the page has it: each picture with the time of its capture,
  // when it came here and how many degrees of the made-up camera's disc are drawn; and when sound begins after a silence.
  // Times in milliseconds; those of the camera are by a clock of its own.
  const captured = { pictures: [], beeps: [] };
  const SIDE = 256; // around the disc
  const luma = new Uint8Array((SIDE * SIDE * 3) / 2);
  const disc = async (picture) => {
    const { displayWidth: width, displayHeight: height } = picture;
    if (picture.format !== "I420" || Math.min(width, height) < SIDE) return undefined;
    const [x, y] = [width - SIDE, height - SIDE].map((rest) => 2 * Math.floor(rest / 4));
    await picture.copyTo(luma, { rect: { x, y, width: SIDE, height: SIDE } });
    const radius = (Math.min(width, height) / 4) * 0.7;
    const levels = Array.from({ length: 360 }, (_, degrees) => {
      const angle = (degrees * Math.PI) / 180;
      const [column, row] = [width / 2 - x + radius * Math.cos(angle), height / 2 - y + radius * Math.sin(angle)];
      return luma[Math.floor(row) * SIDE + Math.floor(column)];
    });
    const [least, most] = [Math.min(...levels), Math.max(...levels)];
    return most - least < 30 ? undefined : levels.filter((level) => level > (least + most) / 2).length;
  };
  const LOUD = 2000 / 32768;
  const SILENCE = 100;
  let loud = -Infinity;
  const listen = (data) => {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    samples.forEach((sample, index) => {
      if (Math.abs(sample) <= LOUD) return;
      const now = data.timestamp / 1000 + (index * 1000) / data.sampleRate;
      if (now - loud > SILENCE) captured.beeps.push(now);
      loud = now;
    });
  };
  window.MediaStreamTrackProcessor = class extends MediaStreamTrackProcessor {
    #tapped;

    constructor(init) {
      super(init);
      const reader = super.readable.getReader();
      const pull = async (controller) => {
        const { value, done } = await reader.read();
        if (done) return controller.close();
        const arrived = performance.now();
        if (init.track.kind === "audio") listen(value);
        else captured.pictures.push([value.timestamp / 1000, arrived, await disc(value)]);
        controller.enqueue(value);
      };
      this.#tapped = new ReadableStream({ pull, cancel: (reason) => reader.cancel(reason) }, { highWaterMark: 0 });
    }

    get readable() {
      return this.#tapped;
    }
  };
  window.captured = captured;

  // Each decoder of pictures: the times of what it was given, in order, in microseconds; and whether it was closed.
  const decoders = [];
  window.VideoDecoder = class extends VideoDecoder {
    #notes = { given: [], closed: false };

    constructor(init) {
      super(init);
      decoders.push(this.#notes);
    }

    decode(chunk) {
      this.#notes.given.push(chunk.timestamp);
      super.decode(chunk);
    }

    close() {
      this.#notes.closed = true;
      super.close();
    }
  };
  window.decoders = decoders;
})();
