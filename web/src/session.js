// How a page reaches its server: the address, the certificate, and trying again.

/** Where to connect: the server that the page came from, or another one that `?url=` names. A token goes along. */
export function destination(location) {
  const query = new URLSearchParams(location.search);
  const elsewhere = query.get("url");
  const url = new URL(elsewhere ?? query.get("path") ?? "/", location.origin);
  if (!elsewhere) url.protocol = "https:";
  const token = keep(query.get("jwt"), url.host);
  if (token) url.searchParams.set("jwt", token);
  return { url, own: !elsewhere, token };
}

/**
 * A token stays with this tab and not in its address, which people copy, show on screens and find in their history.
 * Without a new one it is the one that this tab has for the server.
 */
function keep(token, host) {
  const name = `token for ${host}`;
  if (!token) return sessionStorage.getItem(name) ?? undefined;
  sessionStorage.setItem(name, token);
  const address = new URL(location.href);
  address.searchParams.delete("jwt");
  history.replaceState(history.state, "", address);
  return token;
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
 * `turnedAway` is told in words, `{ title, text }`, when the server ends one session after the other as soon as it begins,
 * and is called without when one lasts.
 *
 * A certificate that the server made itself is accepted by its fingerprint, which is asked for before each attempt,
 * because it changes from time to time. One from an authority may live too long for that, so every other attempt goes
 * without the fingerprint.
 */
export async function connect(connection, { url, own, token }, turnedAway) {
  connection.delay = { initial: 200, multiplier: 1.6, max: 2000, timeout: 0 };
  watchRefusals(connection, token, turnedAway);
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

/** Browsers do not tell a page why a server ended its session: the page concludes it from how it goes. */
function watchRefusals(connection, token, turnedAway) {
  let begin;
  let brief = 0;
  let lasting;
  connection.established.subscribe((session) => {
    clearTimeout(lasting);
    if (session) {
      begin = performance.now();
      lasting = setTimeout(() => {
        brief = 0;
        turnedAway();
      }, BRIEF);
    } else if (begin !== undefined) {
      brief = performance.now() - begin < BRIEF ? brief + 1 : 0;
      begin = undefined;
      if (brief >= ENOUGH || hasExpired(token)) turnedAway(refusal(token));
    }
  });
}

/** What a person can do about it. */
function refusal(token) {
  const title = "You are not let in";
  if (!token) {
    return {
      title,
      text: "This server probably asks for a token. Open the address that you were given, with its ?jwt= part.",
    };
  }
  if (hasExpired(token)) {
    const when = new Date(claims(token).exp * 1000).toLocaleString();
    return { title: "Your token has expired", text: `It was good until ${when}. Ask for a new address.` };
  }
  return { title, text: "This server does not take your token, or not for this path. Ask for a new address." };
}

function hasExpired(token) {
  return claims(token).exp * 1000 <= Date.now();
}

/** What a token says; nothing for what is no token. */
function claims(token) {
  try {
    const [, text] = token.split(".");
    return JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}

/** Milliseconds that a session lasts at least where it is welcome. */
const BRIEF = 2000;

/** So many brief sessions in a row are no accident. */
const ENOUGH = 3;

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
