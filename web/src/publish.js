// The page to publish: camera, screen or microphone into a listening moqsrc.
import "@moq/publish/element";
import { keepInStep } from "./clocks.js";
import { watchDevices } from "./devices.js";
import { bitrate } from "./meter.js";
import { hindered, state, status, turnedAway } from "./notice.js";
import { connect, destination, obstacle } from "./session.js";

keepInStep();

const find = (id) => document.getElementById(id);
const publisher = document.querySelector("moq-publish");
const sources = [...document.querySelectorAll(".source")];
const query = new URLSearchParams(location.search);

// Why nothing is captured: a heading and a sentence.
let trouble;

const hindrance = obstacle(location);
const target = hindrance ? undefined : destination(location);
if (hindrance) {
  hindered(hindrance);
  for (const button of sources) button.disabled = true;
} else {
  find("to-watch").search = location.search;
  find("name").value = query.get("broadcast") ?? "me";
  rename();
  find("name").addEventListener("change", rename);
  find("codec").addEventListener("change", (event) => {
    publisher.broadcast.video.hd.config.update((config) => ({ ...config, codec: event.target.value || undefined }));
  });
  find("microphone").addEventListener("change", (event) => {
    publisher.muted = !event.target.checked;
  });
  // Where it would leave silence out, Chromium's encoder goes on counting as if nothing had been there, and all sound after
  // it comes too early: by 20 ms for each packet of silence, for good.
  publisher.broadcast.audio.codec.set({ mime: "opus", usedtx: false });
  for (const button of sources) button.addEventListener("click", () => start(button.dataset.source));
  find("stop").addEventListener("click", () => start(undefined));
  watchDevices((words) => {
    trouble = words;
    tell();
  });
  connect(publisher.connection, target, turnedAway);
  show();
}

function rename() {
  const name = find("name").value.trim() || "me";
  publisher.name = name;
  const port = target.url.port || "443";
  find("pipeline").textContent = target.own
    ? `gst-launch-1.0 moqsrc listen='[::]:${port}' broadcast=${name} ! decodebin ! autovideosink`
    : `gst-launch-1.0 moqsrc url=${target.url.origin}${target.url.pathname} broadcast=${name} ! decodebin ! autovideosink`;
}

/** What is captured. */
const captured = () => publisher.broadcast.video.source.peek() ?? publisher.broadcast.audio.source.peek();

/** Shows something else, or nothing. */
function start(source) {
  publisher.invisible = source === "microphone";
  const input = source === "microphone" ? "camera" : source;
  // What was asked for in vain is asked for anew.
  if (trouble && !captured()) publisher.source = undefined;
  setTimeout(() => {
    publisher.source = input;
  });
  for (const button of sources) button.setAttribute("aria-pressed", String(button.dataset.source === source));
  find("stop").hidden = !source;
  if (!source) {
    trouble = undefined;
    publisher.broadcast.video.source.set(undefined);
    publisher.broadcast.audio.source.set(undefined);
  }
}

/** Says on the stage how it stands. */
function tell() {
  const { video, audio } = publisher.broadcast;
  if (video.source.peek()) state("playing");
  else if (audio.source.peek()) state("stopped", "You can be heard", "Only sound goes out.");
  else if (trouble) state("stopped", ...trouble);
  else if (publisher.state.source.peek())
    state("stopped", "Waiting for your permission", "The browser asks you whether this page may see and hear you.");
  else state("stopped", "You are not live", "Choose what to show. Nothing leaves this device before you do.");
}

function show() {
  const { connection, broadcast, signals } = publisher;
  signals.run((effect) => {
    const connected = effect.get(connection.status) === "connected";
    const live = effect.get(broadcast.video.source) ?? effect.get(broadcast.audio.source);
    const watched = effect.get(broadcast.video.hd.active) || effect.get(broadcast.audio.active);
    find("demand").textContent = watched ? "Watching" : live ? "Nobody yet" : "–";
    if (!connected) status("connecting", "Connecting");
    else if (live) status("live", "Live");
    else status("connected", "Connected");
  });
  signals.run((effect) => {
    for (const what of [publisher.state.source, broadcast.video.source, broadcast.audio.source]) effect.get(what);
    tell();
  });
  signals.run((effect) => {
    find("version").textContent = effect.get(connection.established)?.version ?? "–";
  });
  signals.run((effect) => {
    const config = effect.get(broadcast.video.hd.resolved);
    find("bitrate").textContent = config?.bitrate ? bitrate(config.bitrate) : "–";
    find("picture").textContent = config ? `${config.width}×${config.height}` : "–";
  });
}
