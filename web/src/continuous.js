// Sound without holes. An encoder counts samples and passes over their times: what is lost before it would move all that
// follows for good.

/** How far the times of all sound within a while have to be off for it to be more than a hiccup. */
const TOLERANCE = 15; // ms

/** That while. */
const WHILE = 1000; // ms

/** How long before sound begins it is looked when its samples are taken: while it starts, some are lost. */
const ANCHOR = 200; // ms

/** The longest silence that is filled in at once, as when the machine slept. */
const LONGEST = 5000; // ms

export class Continuous {
  #rate;
  #begin; // ms, when the first sample was taken
  #samples = 0;
  #begins = []; // each with the time when it was found
  #window;

  constructor(rate) {
    this.#rate = rate;
  }

  /**
   * What goes out for this AudioData, which is closed: pieces with their time in milliseconds. Nothing does before it is
   * `settled` when sound begins.
   */
  take(data, settled) {
    const time = data.timestamp / 1000;
    if (!settled) {
      this.#begins.push([time, time - this.#duration(this.#samples)]);
      this.#samples += data.numberOfFrames;
      data.close();
      return [];
    }
    this.#begin ??= Math.min(...this.#begins.filter(([found]) => found > time - ANCHOR).map(([, begin]) => begin));
    const off = this.#off(time);
    const pieces = [];
    if (off > TOLERANCE) pieces.push(this.#piece(this.#silence(off, data.numberOfChannels)));
    // What is too much is left out.
    if (off >= -TOLERANCE) pieces.push(this.#piece(samples(data)));
    data.close();
    return pieces;
  }

  /** By how many milliseconds the sound of the last while was later than its samples make it; as little as any of it. */
  #off(time) {
    const late = time - this.#begin - this.#duration(this.#samples);
    this.#window ??= { end: time + WHILE, least: Infinity, most: -Infinity };
    this.#window.least = Math.min(this.#window.least, late);
    this.#window.most = Math.max(this.#window.most, late);
    if (time < this.#window.end) return 0;
    const { least, most } = this.#window;
    this.#window = undefined;
    return least > 0 ? least : Math.min(most, 0);
  }

  #silence(milliseconds, channels) {
    const length = Math.round((Math.min(milliseconds, LONGEST) * this.#rate) / 1000);
    return Array.from({ length: channels }, () => new Float32Array(length));
  }

  #piece(channels) {
    const time = this.#begin + this.#duration(this.#samples);
    this.#samples += channels[0].length;
    return { time, channels };
  }

  #duration(samples) {
    return (samples * 1000) / this.#rate;
  }
}

/** The samples of each channel. */
function samples(data) {
  return Array.from({ length: data.numberOfChannels }, (_, planeIndex) => {
    const channel = new Float32Array(data.numberOfFrames);
    data.copyTo(channel, { planeIndex, format: "f32-planar" });
    return channel;
  });
}
