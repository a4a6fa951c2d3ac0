// The page to watch: what is on air, the picture, and how it is doing.
import "@moq/watch/element";
import { Graph } from "./graph.js";
import { age, bitrate, duration, Meter } from "./meter.js";
import { hindered, state, status, turnedAway } from "./notice.js";
import { connect, destination, obstacle } from "./session.js";

const find = (id) => document.getElementById(id);
const player = document.querySelector("moq-watch");
const stage = find("stage");
const graph = new Graph(find("graph"));
const wanted = new URLSearchParams(location.search).get("broadcast");
const onAir = new Set();

const hindrance = obstacle(location);
if (hindrance) {
  hindered(hindrance);
} else {
  const target = destination(location);
  find("to-publish").search = location.search;
  // A picture goes on in the background, as sound does.
  player.visible = "always";
  // Its own beginning, which is half as loud, comes first.
  setTimeout(() => {
    player.volume = 1;
  });
  connect(player.connection, target, turnedAway);
  listen();
  show(target);
  setInterval(measure, 1000);
}

/** Follows what is on air. */
async function listen() {
  const announced = player.connection.announced();
  for (let event = await announced.next(); event; event = await announced.next()) {
    if (event.active) onAir.add(event.path);
    else onAir.delete(event.path);
    list();
    if (event.active && player.name === "" && (!wanted || wanted === event.path)) play(event.path);
  }
}

function list() {
  find("nothing").hidden = onAir.size > 0;
  const buttons = [...onAir].sort().map((path) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: path });
    button.setAttribute("aria-current", String(path === player.name));
    button.addEventListener("click", () => play(path));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  find("broadcasts").replaceChildren(...buttons);
}

function play(path) {
  choose("");
  player.name = path;
  graph.clear();
  list();
}

/** Ties the controls and the notices to the player. */
function show({ url, own }) {
  const { connection, broadcast, video, audio, renderer, controls, signals } = player;

  signals.run((effect) => {
    const connected = effect.get(connection.status) === "connected";
    const live = effect.get(broadcast.out.status);
    const picture = effect.get(renderer.out.frame);
    const unsupported = effect.get(video.source.out.error);
    const catalog = effect.get(broadcast.out.catalog);
    if (!connected) status("connecting", "Connecting");
    else if (live === "live") status("live", "Live");
    else status("connected", "Connected");
    if (connected && live === "live" && unsupported) {
      state("stopped", "This browser cannot show the picture", "It lacks the video codec. The sound may still play.");
    } else if (connected && live === "live" && catalog && !catalog.video) {
      state("stopped", "Sound only", "This broadcast has no picture.");
    } else if (picture && live === "live") {
      state("playing");
    } else if (!connected) {
      state("waiting", "Connecting", `Looking for ${own ? "the server" : url.host}.`);
    } else if (live === "offline") {
      state("waiting", "Waiting for a broadcast", "It starts by itself as soon as somebody goes live.");
    } else {
      state("waiting", "Tuning in", "The picture is on its way.");
    }
  });

  signals.run((effect) => {
    find("version").textContent = effect.get(connection.established)?.version ?? "–";
  });

  // The browser lets a page be heard only after a first touch.
  signals.run((effect) => {
    const context = effect.get(audio.out.context);
    const muted = effect.get(controls.muted);
    const update = () => {
      find("unmute").hidden = !context || muted || context.state === "running";
    };
    update();
    if (context) effect.event(context, "statechange", update);
  });
  find("unmute").addEventListener("click", () => audio.out.context.peek()?.resume());

  signals.run((effect) => {
    find("mute").setAttribute("aria-pressed", String(effect.get(controls.muted)));
    find("volume").value = effect.get(controls.volume);
  });
  find("mute").addEventListener("click", () => {
    player.muted = !player.muted;
  });
  find("volume").addEventListener("input", (event) => {
    player.volume = event.target.valueAsNumber;
  });

  signals.run((effect) => {
    const renditions = Object.entries(effect.get(video.source.out.available));
    const chosen = effect.get(controls.target)?.name ?? "";
    const options = renditions
      .sort(([, a], [, b]) => pixels(b) - pixels(a))
      .map(([name, config]) => new Option(label(name, config), name));
    const current = effect.get(video.source.out.track);
    const auto = options.find((option) => option.value === current)?.text;
    find("rendition").replaceChildren(
      new Option(auto && options.length > 1 ? `Auto (${auto})` : "Auto", ""),
      ...options,
    );
    find("rendition").value = renditions.some(([name]) => name === chosen) ? chosen : "";
    find("rendition").disabled = renditions.length < 2;
  });
  find("rendition").addEventListener("change", (event) => choose(event.target.value));

  find("latency").addEventListener("change", (event) => {
    const value = event.target.value;
    const least = Number(value);
    // A range, because the player takes back what is a single number.
    player.controls.latency.set(value === "real-time" ? value : { min: least, max: least + 1 });
  });

  find("fullscreen").addEventListener("click", fullscreen);
  stage.addEventListener("dblclick", fullscreen);
}

function fullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else stage.requestFullscreen?.();
}

/** Fixes the rendition; an empty name leaves the choice to the player. */
function choose(name) {
  player.controls.target.update((target) => ({ ...target, name: name || undefined }));
}

const pixels = (config) => (config.codedWidth ?? 0) * (config.codedHeight ?? 0);

function label(name, config) {
  const parts = config.codedHeight ? [`${config.codedHeight}p`] : [name];
  if (config.bitrate) parts.push(bitrate(config.bitrate));
  return parts.join(" · ");
}

const meter = new Meter();

/** Once a second: the numbers and the graph. */
function measure() {
  const stats = player.video.out.stats.peek();
  const bytes = (stats?.bytesReceived ?? 0) + (player.audio.out.stats.peek()?.bytesReceived ?? 0);
  const rates = meter.sample(performance.now(), [bytes, stats?.frameCount ?? 0]);
  const playing = player.broadcast.out.status.peek() === "live" && stats !== undefined;
  const bits = playing && rates ? rates[0] * 8 : undefined;
  const measured = age(player.catalog, player.renderer.out.timestamp.peek());
  const delay = playing ? (measured ?? player.sync.out.buffer.peek()) : undefined;
  find("delay-name").lastChild.textContent = measured === undefined ? "Buffer" : "Delay";
  find("delay").textContent = delay === undefined ? "–" : duration(delay);
  find("bitrate").textContent = bits === undefined ? "–" : bitrate(bits);
  const size = player.video.out.display.peek();
  const frames = rates && playing ? ` · ${Math.round(rates[1])} fps` : "";
  find("picture").textContent = size && playing ? `${size.width}×${size.height}${frames}` : "–";
  graph.push(delay, bits);
}
