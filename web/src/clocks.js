// Sound and picture in step, from the first moment and for hours.
//
// The publisher stamps the first picture with the time at which the page came to look at it, and sound with the time
// since its graph was built, which is earlier than the first sample. On a busy machine the two are a fifth of a second
// apart. Here both begin once it is known how long each is under way at least.
import { Continuous } from "./continuous.js";

/** How long it is looked how fast things arrive. */
const SETTLE = 300; // ms

/** How much longer than the fastest a picture may be under way to be the first. */
const TOLERANCE = 4; // ms

/** How much the time of one picture is put right more than that of the one before. */
const STEP = 2; // ms

/** How long the fastest is remembered, and once more as long: the clocks may drift. */
const MEMORY = 5000; // ms

/** Call it before anything is captured. */
export function keepInStep() {
  const tracks = new WeakMap();
  window.MediaStreamAudioSourceNode = class extends window.MediaStreamAudioSourceNode {
    constructor(context, options) {
      super(context, options);
      tracks.set(context, options.mediaStream.getAudioTracks()[0]);
    }
  };
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
      if (name === "capture") replace(this.port, context, tracks.get(context));
    }
  };
}

/**
 * The pictures, from the first that comes without delay. Where all of the first ones were late their times are put right
 * little by little.
 */
function punctual(pictures) {
  const reader = pictures.getReader();
  const delay = new Delay();
  let assumed; // how long the first one was under way
  let moved = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const { value: picture, done } = await reader.read();
          if (done) return controller.close();
          const lag = delay.look(picture.timestamp / 1000);
          if (assumed === undefined && delay.settled && lag < delay.least + TOLERANCE) assumed = lag;
          if (assumed !== undefined) {
            const wrong = delay.least - assumed - moved;
            moved += Math.max(-STEP, Math.min(STEP, wrong));
            controller.enqueue(new VideoFrame(picture, { timestamp: picture.timestamp + Math.round(moved * 1000) }));
          }
          picture.close();
          if (assumed !== undefined) return;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/**
 * Gives the publisher sound as the microphone gives it, in place of what comes through the sound graph: on a busy machine
 * the graph loses some, and nobody learns how much.
 */
function replace(port, context, track) {
  const later = shift();
  let direct = Boolean(track && window.MediaStreamTrackProcessor);
  // It comes before the publisher's own listener, which sees the same data.
  port.addEventListener("message", (event) => {
    if (!event.isTrusted) return;
    if (direct) event.stopImmediatePropagation();
    else later(event);
  });
  if (!direct) return;
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 200 }).readable.getReader();
  context.addEventListener("statechange", () => {
    if (context.state === "closed") reader.cancel();
  });
  const delay = new Delay();
  const sound = new Continuous(context.sampleRate);
  (async () => {
    for (;;) {
      const { value: data, done } = await reader.read();
      if (done) return;
      direct = data.sampleRate === context.sampleRate;
      if (!direct) {
        data.close();
        return reader.cancel();
      }
      if (!delay.settled) delay.look(data.timestamp / 1000);
      for (const { time, channels } of sound.take(data, delay.settled)) {
        const timestamp = (time + delay.least) * 1000;
        port.dispatchEvent(new MessageEvent("message", { data: { timestamp, channels } }));
      }
    }
  })();
}

/** Moves the times of sound to when it arrives at the earliest. */
function shift() {
  const delay = new Delay();
  return (event) => {
    const sound = event.data;
    if (!delay.settled) {
      delay.look(sound.timestamp / 1000);
      if (!delay.settled) return event.stopImmediatePropagation();
    }
    sound.timestamp += delay.least * 1000;
  };
}

/** How long things were under way at least in the last seconds. */
class Delay {
  #begin;
  #turn;
  #before = Infinity;
  #now = Infinity;
  settled = false;

  get least() {
    return Math.min(this.#before, this.#now);
  }

  /** Looks at one that has arrived now and was stamped with `time`, in milliseconds, and says how long that took. */
  look(time) {
    const now = performance.now();
    const lag = now - time;
    this.#begin ??= now;
    this.#turn ??= now + MEMORY;
    if (now > this.#turn) {
      this.#before = this.#now;
      this.#now = Infinity;
      this.#turn = now + MEMORY;
    }
    this.#now = Math.min(this.#now, lag);
    this.settled = now - this.#begin > SETTLE;
    return lag;
  }
}
