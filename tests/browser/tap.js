// Runs in each page before anything of the page does: notes what its encoders give and what its decoders are given.
(() => {
  // Times in milliseconds, and sizes.
  const encoded = { video: [], audio: [] };
  const tap = (name, kind) => {
    window[name] = class extends window[name] {
      constructor({ output, error }) {
        const note = (chunk, metadata) => {
          encoded[kind].push([chunk.timestamp / 1000, chunk.byteLength]);
          output(chunk, metadata);
        };
        super({ output: note, error });
      }
    };
  };
  tap("VideoEncoder", "video");
  tap("AudioEncoder", "audio");
  window.encoded = encoded;

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
