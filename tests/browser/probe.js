// Runs in the page to watch: reads the clock from the picture's pixels, and the tone from the sound's spectrum.
(() => {
  const BITS = 32;
  const BLOCK = 16; // pixels of a picture that is 640 wide
  const player = document.querySelector("moq-watch");
  const canvas = player.querySelector("canvas");
  const strip = document.createElement("canvas");
  strip.width = 640;
  strip.height = 4 * BLOCK;
  const context = strip.getContext("2d", { willReadFrequently: true });
  const probe = { frames: [], samples: 0, unreadable: 0, width: 0 };

  // A row of blocks.
  const bits = (y) => {
    const row = context.getImageData(0, y, strip.width, 1).data;
    let word = 0;
    for (let bit = 0; bit < BITS; bit++) {
      let level = 0;
      for (let x = 6; x < 10; x++) level += row[(bit * BLOCK + x) * 4 + 1];
      word = word * 2 + (level > 4 * 128 ? 1 : 0);
    }
    return word;
  };

  // Milliseconds of the wall clock, 24 bits, and 8 bits that must fit them; below them the same with light and dark
  // exchanged.
  const read = () => {
    context.drawImage(canvas, 0, 0, canvas.width, canvas.width / 10, 0, 0, strip.width, strip.height);
    const word = bits(BLOCK);
    if (word + bits(3 * BLOCK) !== 2 ** BITS - 1) return undefined;
    const clock = Math.floor(word / 256);
    const check = ((clock >> 16) + (clock >> 8) + clock + 0x5a) & 0xff;
    return check === word % 256 ? clock : undefined;
  };

  // What the player drew last: the time of the picture in milliseconds, and how many decoders had had their turn by then.
  let drawn;
  const closed = () => window.decoders.filter((decoder) => decoder.closed).length;
  const painter = canvas.getContext("2d");
  painter.drawImage = (picture, ...place) => {
    drawn = { timestamp: picture.timestamp / 1000, decoder: closed() };
    CanvasRenderingContext2D.prototype.drawImage.call(painter, picture, ...place);
  };

  // A picture that stands there while nothing is drawn is seen once, however often the list of pictures is emptied.
  let seen;
  const look = () => {
    if (canvas.width > 0 && player.renderer.out.frame.peek() && drawn) {
      probe.samples++;
      probe.width = canvas.width;
      const clock = read();
      if (clock === undefined) probe.unreadable++;
      else if (clock !== seen) {
        seen = clock;
        probe.frames.push({ clock, age: (Date.now() - clock) & 0xffffff, ...drawn });
      }
    }
    // After the player's own drawing of this moment.
    requestAnimationFrame(() => setTimeout(look));
  };
  look();

  // Once nothing more can be drawn of what was given to decoders until now; false while one of them is open.
  probe.still = async () => {
    if (closed() < window.decoders.length) return false;
    for (let round = 0; round < 2; round++) await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
    return true;
  };

  let analyser;
  player.signals.run((effect) => {
    const root = effect.get(player.audio.out.root);
    if (!root) return;
    analyser = new AnalyserNode(root.context, { fftSize: 8192, smoothingTimeConstant: 0 });
    root.connect(analyser);
  });
  // The loudest frequency, and how loud it is in decibels.
  probe.tone = () => {
    if (!analyser) return undefined;
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let best = 1;
    for (let bin = 2; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
    return { frequency: (best * analyser.context.sampleRate) / analyser.fftSize, level: bins[best] };
  };
  // The same in the middle of a second; undefined before it is over. At a single moment anything may be loudest.
  probe.tones = [];
  setInterval(() => {
    const tone = probe.tone();
    if (tone) probe.tones.push(tone);
  }, 50);
  probe.heard = () => {
    const last = probe.tones.slice(-20);
    if (last.length < 20) return undefined;
    const middle = (name) => last.map((tone) => tone[name]).sort((a, b) => a - b)[10];
    return { frequency: middle("frequency"), level: middle("level") };
  };
  // How long after the clock in each picture the catalog says that it was taken, in milliseconds.
  probe.clockErrors = () => {
    const { wall, timescale } = player.catalog.clock;
    const zero = Date.UTC(2020, 0, 1) + (wall * 1000) / timescale;
    const signed = (difference) => (difference << 8) >> 8;
    return probe.frames.map(({ clock, timestamp }) => signed(Math.round(zero + timestamp) - clock));
  };
  // Notes each new number in the field of the delay, with how old the picture is at that moment.
  probe.watchNumber = () => {
    probe.shown = [];
    const field = document.getElementById("delay");
    new MutationObserver(() => {
      const clock = read();
      if (clock !== undefined) probe.shown.push({ text: field.textContent, age: (Date.now() - clock) & 0xffffff });
    }).observe(field, { childList: true, characterData: true, subtree: true });
  };
  window.probe = probe;
})();
