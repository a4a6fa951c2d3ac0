// The ways in which a server may be reached, of which the page cannot know which one works.

/**
 * By which name, and whether the certificate is accepted by its fingerprint.
 *
 * A certificate that a server made itself is accepted by its fingerprint alone, which changes from time to time and is
 * asked for again after each session. One from an authority may live too long for that. And `localhost` is only ::1 where
 * browsers speak QUIC, while the server may listen on 127.0.0.1.
 */
export class Ways {
  #url;
  #place;
  #ways;
  #at;
  #hashes;

  /** `own`: it is the server that the page came from. */
  constructor(url, own) {
    this.#url = url;
    this.#place = own ? location.origin : url.origin;
    // Without TLS there is nothing but the fingerprint; a server elsewhere that has it is known to the world.
    const pinned = own || url.protocol === "http:";
    const [first, second] = url.hostname === "localhost" ? ["localhost", "127.0.0.1"] : [url.hostname];
    this.#ways = [
      { host: first, pinned },
      ...(second ? [pinned, !pinned] : []).map((pinned) => ({ host: second, pinned })),
    ];
    this.#ways.push({ host: first, pinned: !pinned });
    const last = this.#ways.findIndex((way) => name(way) === sessionStorage.getItem(this.#key));
    this.#at = Math.max(last, 0);
  }

  /** Makes the first way ready to go. */
  async prepare() {
    const ready = this.refresh();
    if (this.#way.pinned) await ready;
  }

  /** The URL to dial. */
  get url() {
    const url = new URL(this.#url);
    url.protocol = "https:";
    url.hostname = this.#way.host;
    return url;
  }

  /** What WebTransport has to be told. */
  get options() {
    return this.#way.pinned ? this.#hashes : undefined;
  }

  /** The URL of the next way, after one that did not work. */
  next() {
    this.#at = (this.#at + 1) % this.#ways.length;
    return this.url;
  }

  /** The page tries this way first when it is loaded again. */
  remember() {
    sessionStorage.setItem(this.#key, name(this.#way));
  }

  /** Asks for the fingerprint. */
  async refresh() {
    try {
      const answer = await fetch(`${this.#place}/certificate.sha256`, {
        cache: "no-store",
        signal: AbortSignal.timeout(3000),
      });
      if (!answer.ok) return;
      const pairs = (await answer.text()).trim().match(/../g) ?? [];
      const value = Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
      this.#hashes = { serverCertificateHashes: [{ algorithm: "sha-256", value }] };
    } catch {
      // The server is away, or has none to tell; the next attempt shows it.
    }
  }

  get #way() {
    return this.#ways[this.#at];
  }

  get #key() {
    return `way to ${this.#url.host}`;
  }
}

const name = ({ host, pinned }) => `${host} ${pinned ? "pinned" : "trusted"}`;
