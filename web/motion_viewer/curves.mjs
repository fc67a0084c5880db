// Waveform and region curves over time, with the values under the pointer and a line at the time shown.
const LABEL_PX = 76;
const END_PX = 10;
const ROW_PX = 34;
const GAP_PX = 5;
const ON_DARK = {
  speech: ["#8d98a8"],
  jaw: ["#e58a60"],
  lids: ["#5aabea", "#45bd95"],
  head: ["#c08ae8", "#d3a63c", "#3fbcc6"],
};
const ON_LIGHT = {
  speech: ["#66717f"],
  jaw: ["#bd5026"],
  lids: ["#1d70b3", "#117a58"],
  head: ["#8040b5", "#8a6304", "#0b7882"],
};

export class Curves {
  // onSeek gets seconds.
  constructor(canvas, { onSeek }) {
    this.canvas = canvas;
    this.onSeek = onSeek;
    this.data = null;
    this.drawn = document.createElement("canvas");
    this.time_s = 0;
    this.hover_s = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.data) return;
      canvas.setPointerCapture(event.pointerId);
      onSeek(this.timeAt(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.data) return;
      this.hover_s = this.timeAt(event);
      if (event.buttons & 1 && canvas.hasPointerCapture(event.pointerId)) onSeek(this.hover_s);
      this.draw(this.time_s);
    });
    canvas.addEventListener("pointerleave", () => {
      this.hover_s = null;
      this.draw(this.time_s);
    });
  }

  show(data) {
    this.data = data;
    this.hover_s = null;
    this.canvas.style.height = `${this.rows.length * (ROW_PX + GAP_PX) + GAP_PX}px`;
    this.render();
  }

  get rows() {
    return this.data?.rows ?? [];
  }

  resize(width, height) {
    const ratio = Math.min(window.devicePixelRatio, 2);
    for (const canvas of [this.canvas, this.drawn]) {
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
    }
    this.ratio = ratio;
    this.width = width;
    this.height = height;
    this.render();
  }

  // All that does not change with time.
  render() {
    if (!this.data || !this.width) return;
    const context = this.begin(this.drawn);
    ({ color: this.ink, fontFamily: this.family } = getComputedStyle(this.canvas));
    this.colours = isDark(this.ink) ? ON_LIGHT : ON_DARK;
    context.textBaseline = "middle";
    this.rows.forEach((row, index) => {
      const top = this.top(index);
      context.globalAlpha = 0.07;
      context.fillStyle = this.ink;
      context.fillRect(LABEL_PX, top, this.span, ROW_PX);
      context.globalAlpha = 1;
      this.label(context, row, top);
      if (row.low < 0) {
        context.globalAlpha = 0.2;
        context.fillRect(LABEL_PX, top + ROW_PX / 2, this.span, 1);
        context.globalAlpha = 1;
      }
      row.lines.forEach((line, i) => {
        const colour = this.colours[row.id][i];
        if (row.id === "speech") this.bars(context, line.values, top, colour);
        else this.line(context, line.values, row, top, colour);
      });
    });
    this.draw(this.time_s);
  }

  // The row's name; below it those of its lines, in their colours.
  label(context, row, top) {
    const named = row.lines.length > 1;
    context.font = `11px ${this.family}`;
    context.fillText(row.label, 6, top + ROW_PX * (named ? 0.32 : 0.5));
    if (!named) return;
    context.font = `9.5px ${this.family}`;
    let x = 6;
    row.lines.forEach((line, i) => {
      context.fillStyle = this.colours[row.id][i];
      context.fillText(line.label, x, top + ROW_PX * 0.74);
      x += context.measureText(line.label).width + 5;
    });
  }

  draw(time_s) {
    this.time_s = time_s;
    if (!this.data || !this.width) return;
    const context = this.begin(this.canvas);
    context.drawImage(this.drawn, 0, 0, this.width, this.height);
    const bottom = this.top(this.rows.length) - GAP_PX;
    context.fillStyle = this.ink;
    if (this.hover_s !== null) {
      context.globalAlpha = 0.35;
      context.fillRect(this.x(this.hover_s), GAP_PX, 1, bottom - GAP_PX);
      context.globalAlpha = 1;
      this.readings(context);
    }
    context.fillStyle = "#f25f5c";
    context.fillRect(this.x(time_s) - 0.75, GAP_PX, 1.5, bottom - GAP_PX);
  }

  // The values under the pointer, on the side where there is room.
  readings(context) {
    context.font = `10.5px ${this.family}`;
    context.textBaseline = "middle";
    const onLeft = this.x(this.hover_s) > LABEL_PX + this.span / 2;
    this.rows.forEach((row, index) => {
      if (row.id === "speech") return;
      const texts = row.lines.map((line) => {
        const value = line.values[Math.min(Math.floor(this.hover_s * this.data.fps), line.values.length - 1)];
        return `${line.label} ${value.toFixed(row.digits)}${row.unit}`.trim();
      });
      const widths = texts.map((text) => context.measureText(text).width + 8);
      const total = widths.reduce((sum, width) => sum + width, 6);
      let x = this.x(this.hover_s) + (onLeft ? -total - 4 : 4);
      const middle = this.top(index) + ROW_PX / 2;
      context.fillStyle = "rgba(22, 24, 29, 0.88)";
      context.beginPath();
      context.roundRect(x, middle - 9, total, 18, 4);
      context.fill();
      texts.forEach((text, i) => {
        context.fillStyle = ON_DARK[row.id][i];
        context.fillText(text, x + 6, middle + 0.5);
        x += widths[i];
      });
    });
  }

  line(context, values, row, top, colour) {
    context.strokeStyle = colour;
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.beginPath();
    const inner = ROW_PX - 4;
    values.forEach((value, i) => {
      const share = Math.min(Math.max((value - row.low) / (row.high - row.low), 0), 1);
      context.lineTo(this.x((i + 0.5) / this.data.fps), top + 2 + (1 - share) * inner);
    });
    context.stroke();
  }

  bars(context, peaks, top, colour) {
    context.fillStyle = colour;
    const width = Math.max(1, Math.floor(this.span));
    for (let x = 0; x < width; x += 1) {
      const from = Math.floor((x / width) * peaks.length);
      const to = Math.max(from + 1, Math.floor(((x + 1) / width) * peaks.length));
      const half = (Math.max(...peaks.slice(from, to)) * (ROW_PX - 4)) / 2;
      context.fillRect(LABEL_PX + x, top + ROW_PX / 2 - Math.max(half, 0.4), 1, Math.max(2 * half, 0.8));
    }
  }

  begin(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  get span() {
    return Math.max(1, this.width - LABEL_PX - END_PX);
  }

  top(index) {
    return GAP_PX + index * (ROW_PX + GAP_PX);
  }

  x(time_s) {
    return LABEL_PX + (time_s / this.data.duration_s) * this.span;
  }

  timeAt(event) {
    // The canvas may be shown scaled.
    const { left, width } = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * this.width;
    return Math.min(Math.max((x - LABEL_PX) / this.span, 0), 1) * this.data.duration_s;
  }
}

// Of the form rgb(r, g, b).
function isDark(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
  return red + green + blue < 384;
}
