// How a page reaches its server: the address, the certificate, and trying again.

/** Where to connect: the server that the page came from, or another one that `?url=` names. A token goes along. */
export function destination(location) {
  const query = new URLSearchParams(location.search);
  const elsewhere = query.get("url");
  const url = new URL(elsewhere ?? query.get("path") ?? "/", location.origin);
  if (!elsewhere) url.protocol = "https:";
  const token = query.get("jwt");
  if (token) url.searchParams.set("jwt", token);
  return { url, own: !elsewhere };
}

/** What keeps this page from playing here, as a sentence with a link; undefined if nothing does. */
export function obstacle(location) {
  if (!window.isSecureContext) {
    const secure = `https://${location.host}${location.pathname}${location.search}`;
    return {
      text:
        "Browsers allow live video only on this machine or over a secure connection. Open the secure address; " +
        "your browser will ask you once to trust this computer's own certificate.",
      href: secure,
      label: secure,
    };
  }
  if (!("WebTransport" in window) || !("VideoDecoder" in window)) {
    return {
      text: "This browser is missing WebTransport or WebCodecs. A current Chrome, Edge or Chromium has both.",
      href: "https://caniuse.com/webtransport",
      label: "Which browsers work?",
    };
  }
}

/**
 * Connects, and connects again whenever the session is lost.
 *
 * A certificate that the server made itself is accepted by its fingerprint, which is asked for before each attempt,
 * because it changes from time to time. One from an authority may live too long for that, so every other attempt goes
 * without the fingerprint.
 */
export async function connect(connection, { url, own }) {
  connection.delay = { initial: 200, multiplier: 1.6, max: 2000, timeout: 0 };
  if (!own) {
    connection.url.set(url);
    return;
  }
  // The listening element speaks QUIC alone.
  connection.websocket = { enabled: false };
  let fingerprint;
  let attempts = trusted() ? 1 : 0;
  const refresh = async () => {
    try {
      const answer = await fetch("/certificate.sha256", { cache: "no-store" });
      if (answer.ok) fingerprint = (await answer.text()).trim();
    } catch {
      // The server is away; the next attempt will show when it is back.
    }
  };
  Object.defineProperty(connection, "webtransport", {
    get() {
      const pinned = fingerprint && attempts++ % 2 === 0;
      if (!pinned) return undefined;
      return { serverCertificateHashes: [{ algorithm: "sha-256", value: bytes(fingerprint) }] };
    },
  });
  await refresh();
  connection.url.set(url);
  connection.status.subscribe((status) => {
    if (status === "connected") {
      attempts--;
      remember(attempts % 2 === 1);
    } else {
      refresh();
    }
  });
  connection.established.subscribe((session) => {
    // Not every version of the library tries again after a session that ended in good order.
    session?.closed.then(() => setTimeout(() => revive(connection, session), 1000));
  });
}

function revive(connection, session) {
  if (connection.established.peek() !== session) return;
  connection.enabled.set(false);
  setTimeout(() => connection.enabled.set(true), 100);
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const TRUSTED = "certificate-is-trusted";

function trusted() {
  return sessionStorage.getItem(TRUSTED) === "yes";
}

function remember(is) {
  sessionStorage.setItem(TRUSTED, is ? "yes" : "no");
}
