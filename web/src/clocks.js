// Sound and picture in step from the first moment.
//
// The publisher stamps the first picture with the time at which the page came to look at it, and sound with the time
// since its graph was built, which is earlier than the first sample. On a busy machine the two are a fifth of a second
// apart. Here both begin once it is known how long each is under way at least.

/** How long it is looked how fast things arrive. */
const SETTLE = 300; // ms

/** How much longer than the fastest a picture may be under way to be the first. */
const TOLERANCE = 4; // ms

/** Call it before anything is captured. */
export function keepInStep() {
  if (window.MediaStreamTrackProcessor) {
    window.MediaStreamTrackProcessor = class extends window.MediaStreamTrackProcessor {
      #readable;

      constructor(init) {
        super(init);
        this.#readable = init.track.kind === "video" ? punctual(super.readable) : super.readable;
      }

      get readable() {
        return this.#readable;
      }
    };
  }
  window.AudioWorkletNode = class extends window.AudioWorkletNode {
    constructor(context, name, options) {
      super(context, name, options);
      if (name === "capture") shift(this.port);
    }
  };
}

/** The pictures, from the first that comes without delay. */
function punctual(pictures) {
  const reader = pictures.getReader();
  let begin;
  let least = Infinity;
  let settled = false;
  return new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const { value: picture, done } = await reader.read();
          if (done) return controller.close();
          if (settled) return controller.enqueue(picture);
          const now = performance.now();
          const lag = now - picture.timestamp / 1000;
          begin ??= now;
          least = Math.min(least, lag);
          settled = now - begin > SETTLE && lag < least + TOLERANCE;
          if (settled) return controller.enqueue(picture);
          picture.close();
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Moves the times of sound to when it arrives at the earliest. */
function shift(port) {
  let begin;
  let least = Infinity;
  let settled = false;
  // It comes before the publisher's own listener, which sees the same data.
  port.addEventListener("message", (event) => {
    const sound = event.data;
    if (!settled) {
      const now = performance.now();
      begin ??= now;
      least = Math.min(least, now - sound.timestamp / 1000);
      settled = now - begin > SETTLE;
      if (!settled) return event.stopImmediatePropagation();
    }
    sound.timestamp += least * 1000;
  });
}
