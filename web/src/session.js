// How a page reaches its server: the address, the certificate, and trying again.
import { Ways } from "./ways.js";

/** Where to connect: the server that the page came from, or another one that `?url=` names; and with which token. */
export function destination(location) {
  const query = new URLSearchParams(location.search);
  const elsewhere = query.get("url");
  const url = elsewhere ? address(elsewhere) : new URL(query.get("path") ?? "/", location.origin);
  return { url, own: !elsewhere, token: keep(query.get("jwt"), url.host) };
}

/** The URL that a person means, who may have left out how it begins; undefined if it is none. */
function address(text) {
  // What has no name in the world has no certificate for it either, unless this page's server says so.
  const scheme = /^(localhost|[\d.]+|\[.*\])(:|\/|$)/i.test(text) ? location.protocol : "https:";
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${scheme}//${text}`);
    return ["http:", "https:"].includes(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
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
  const elsewhere = new URLSearchParams(location.search).get("url");
  if (elsewhere && !address(elsewhere)) {
    return {
      text: `This page was told to connect to “${elsewhere}”, which is no address. One looks like https://relay.example.com/room.`,
      href: location.pathname,
      label: "Connect to where this page came from",
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
 * Connects, and connects again whenever the session is lost, in one of the [ways](./ways.js) after the other until one
 * works.
 *
 * `turnedAway` is told in words, `{ title, text, patient }`, when the server ends one session after the other as soon as it
 * begins, or (`patient`) does not answer, and is called without when a session lasts.
 */
export async function connect(connection, { url, own, token }, turnedAway) {
  connection.delay = delay(200);
  watchRefusals(connection, token, turnedAway);
  // The listening element speaks QUIC alone.
  connection.websocket = own ? { enabled: false } : { url: showing(token, url) };
  showAtTheDoor(token);
  const ways = new Ways(url, own);
  Object.defineProperty(connection, "webtransport", { get: () => ways.options });
  await ways.prepare();
  connection.url.set(ways.url);
  let connected = false;
  let failures = 0;
  connection.status.subscribe((status) => {
    if (status === "connected") {
      connected = true;
      if (failures >= MANY) turnedAway();
      failures = 0;
      ways.remember();
    } else if (status === "disconnected") {
      ways.refresh();
      if (!connected) {
        connection.url.set(ways.next());
        if (++failures === MANY) turnedAway(silence(url, own));
      }
      connected = false;
    }
  });
  connection.established.subscribe((session) => {
    // Not every version of the library tries again after a session that ended in good order.
    session?.closed.then(() => setTimeout(() => revive(connection, session), 1000));
  });
}

/** Shows a token only where a session is dialled: the library writes the address that it has into the browser's log. */
function showAtTheDoor(token) {
  if (!token) return;
  window.WebTransport = class extends window.WebTransport {
    constructor(url, options) {
      super(showing(token, url), options);
    }
  };
}

function showing(token, url) {
  const address = new URL(url);
  if (token) address.searchParams.set("jwt", token);
  return address;
}

/** How long to wait before trying again. */
const delay = (initial) => ({ initial, multiplier: 1.6, max: 2000, timeout: 0 });

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
        connection.delay = delay(200);
        turnedAway();
      }, BRIEF);
    } else if (begin !== undefined) {
      brief = performance.now() - begin < BRIEF ? brief + 1 : 0;
      begin = undefined;
      if (brief >= ENOUGH || hasExpired(token)) {
        // Who is not let in knocks more slowly. Not every version of the library takes a session for ended before it
        // tries again, so this has to be brief too.
        connection.delay = delay(BRIEF / 2);
        turnedAway(refusal(token));
      }
    }
  });
}

/** What a person is told while nobody answers. */
function silence(url, own) {
  const whose = own ? "Is the pipeline still running?" : "Is it running, and does this browser trust its certificate?";
  return {
    title: "No answer yet",
    text: `${own ? "The server" : url.host} does not answer. ${whose} This page goes on trying.`,
    patient: true,
  };
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

/** So many attempts that failed are told of: every way was tried. */
const MANY = 6;

/** So many brief sessions in a row are no accident. */
const ENOUGH = 3;
