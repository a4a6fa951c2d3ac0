// Runs in the page to publish, before it shows anything: notes the time and the size of whatever its encoders give.
(() => {
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
})();
