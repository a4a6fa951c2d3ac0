// Numbers that change while a stream plays, and how people read them.

/** Turns counters that only grow into rates. */
export class Meter {
  #last;

  /** What the counters gained for each second since the last call; undefined when they began anew. */
  sample(now, counters) {
    const last = this.#last;
    this.#last = { now, counters };
    if (!last || now <= last.now) return undefined;
    const rates = counters.map((count, index) => ((count - last.counters[index]) * 1000) / (now - last.now));
    return rates.every((rate) => rate >= 0) ? rates : undefined;
  }
}

/** `1.2 Mbit/s` of bits in a second. */
export function bitrate(bits) {
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(bits < 1e7 ? 1 : 0)} Mbit/s`;
  return `${Math.round(bits / 1e3)} kbit/s`;
}

/** `85 ms`, `1.2 s`. */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * How old the picture with this media time is, by the wall clock that the catalog names, in milliseconds; undefined
 * where it names none or the clocks of the two machines disagree.
 */
export function age(catalog, timestamp, now = Date.now()) {
  const clock = catalog?.clock;
  if (!Number.isFinite(clock?.wall) || timestamp === undefined) return undefined;
  const zero = EPOCH + (clock.wall * 1000) / (clock.timescale ?? 1e6);
  const milliseconds = now - zero - timestamp;
  return milliseconds >= 0 && milliseconds < 60_000 ? milliseconds : undefined;
}

/** What wall times in a catalog count from: the beginning of 2020. */
const EPOCH = Date.UTC(2020, 0, 1);
