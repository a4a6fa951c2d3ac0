// A graph of the last minute: latency as a line, bitrate as an area.

const SECONDS = 60;

export class Graph {
  #canvas;
  #points = [];

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  /** Adds a second's values; undefined leaves a gap. */
  push(latency, bits) {
    this.#points.push({ latency, bits });
    if (this.#points.length > SECONDS) this.#points.shift();
    this.#draw();
  }

  clear() {
    this.#points = [];
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const color = (name) => style.getPropertyValue(name);

    context.strokeStyle = color("--line");
    context.lineWidth = 1;
    for (const part of [0.25, 0.5, 0.75]) {
      const y = Math.round(height * part) + 0.5;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
    }

    const x = (index) => width - ((this.#points.length - 1 - index) * width) / (SECONDS - 1);
    const curve = (key) => {
      const most = Math.max(...this.#points.map((point) => point[key] ?? 0)) * 1.25 || 1;
      return this.#points
        .map((point, index) => ({ x: x(index), y: height - ((point[key] ?? Number.NaN) / most) * height }))
        .filter((point) => Number.isFinite(point.y));
    };
    const path = (points) => {
      context.beginPath();
      for (const point of points) context.lineTo(point.x, point.y);
    };

    const bits = curve("bits");
    if (bits.length > 1) {
      path(bits);
      context.strokeStyle = color("--bitrate");
      context.lineWidth = 2;
      context.stroke();
      context.lineTo(bits.at(-1).x, height);
      context.lineTo(bits[0].x, height);
      context.globalAlpha = 0.18;
      context.fillStyle = color("--bitrate");
      context.fill();
      context.globalAlpha = 1;
    }
    const latency = curve("latency");
    if (latency.length > 1) {
      path(latency);
      context.strokeStyle = color("--latency");
      context.lineWidth = 2;
      context.stroke();
    }
  }
}
