// The three charts: latency, events per second by name, bytes per second. Redrawn once a second.
// Must never know the worker; it only reads the state.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { bytes, clock, count, rate, short, span } from "../model/format.js";
import { isMark } from "../model/moments.js";
import { WINDOW_SECONDS } from "../model/series.js";
import { byId, colour, setAttribute, setText } from "./dom.js";

/** How many names have a layer of their own; the rest is one layer. */
export const LAYERS = 5;
const MIN_SECONDS = 60;
const HEIGHT = 132;
const AXIS_WIDTH = 54;
/** Room above the highest value, for marks and legend. */
const HEADROOM = 1.3;
const COLOURS = ["accent", "accent-soft", "muted", "rule", "bad", "good"];
const LAYER_COLOURS = ["layer-other", "layer-5", "layer-4", "layer-3", "layer-2", "layer-1"];

let palette = {};
let marks = [];

export function createChartsView() {
  readPalette();
  const latency = createChart("latency", { series: [line("latency", "accent", true)], format: span });
  const rates = createChart("rate", { series: layers(), format: (value) => `${short(value)}/s` });
  const traffic = createChart("traffic", {
    series: [area("inflated", "accent-soft"), line("on the wire", "accent", false)],
    format: bytes,
    drawings: [drawLegend],
  });
  let drawnSecond = 0;

  return {
    recolour() {
      readPalette();
      for (const chart of [latency, rates, traffic]) chart.plot.redraw(false, true);
    },
    draw(state) {
      const now = Date.now();
      const second = Math.floor(now / 1000);
      if (!state.isStarted || second === drawnSecond) return;
      drawnSecond = second;
      const range = rangeOf(state, second);
      marks = state.moments.filter((moment) => isMark(moment) && moment.at / 1000 >= range.min);
      drawLatency(latency, state, range);
      const seconds = state.series.window(now, state.firstAt);
      drawRates(rates, state, seconds, range);
      drawTraffic(traffic, seconds, range);
    },
  };
}

function rangeOf({ firstAt }, second) {
  const earliest = Math.min(firstAt / 1000, second - MIN_SECONDS);
  return { min: Math.max(earliest, second - WINDOW_SECONDS), max: second };
}

function drawLatency(chart, { series }, range) {
  const points = series.latencies.filter(({ at }) => at / 1000 >= range.min);
  chart.show([points.map(({ at }) => at / 1000), points.map(({ ms }) => ms)], range, (place) =>
    place === null
      ? summary(points.map(({ ms }) => ms), span)
      : `${clock(points[place].at)}  ${span(points[place].ms)}`,
  );
}

function drawRates(chart, { series }, seconds, range) {
  const names = series.ranking().slice(0, LAYERS).map(([name]) => name);
  const sums = seconds.map(({ byName, events }) => stack(names, byName, events));
  const data = Array.from({ length: LAYERS + 1 }, (_, layer) => sums.map((sum) => sum[LAYERS - layer]));
  chart.show([seconds.map(({ second }) => second), ...data], range, (place) =>
    place === null
      ? summary(seconds.map(({ events }) => events), perSecond)
      : `${clock(seconds[place].second * 1000)}  ${count(seconds[place].events)}`,
  );
}

/** Heights of the layers, one upon the other; the last is everything. */
function stack(names, byName, events) {
  let height = 0;
  const heights = Array.from({ length: LAYERS }, (_, layer) => (height += byName.get(names[layer]) ?? 0));
  return [...heights, events];
}

function drawTraffic(chart, seconds, range) {
  const wire = seconds.map((entry) => entry.wire);
  const inflated = seconds.map((entry) => entry.inflated);
  chart.show([seconds.map(({ second }) => second), inflated, wire], range, (place) => {
    const at = place ?? seconds.length - 1;
    if (at < 0) return "";
    const when = place === null ? "" : `${clock(seconds[at].second * 1000)}  `;
    return `${when}${bytes(wire[at])} wire of ${bytes(inflated[at])}`;
  });
}

/** Short enough for the head of a chart. */
const perSecond = (value) => `${value < 1000 ? rate(value) : short(value)}/s`;

function summary(values, format) {
  if (values.length === 0) return "waiting for data";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `mean ${format(mean)}, max ${format(values.reduce((a, b) => Math.max(a, b), 0))}`;
}

function createChart(name, { series, format, drawings = [] }) {
  const target = byId(`${name}-chart`);
  const readout = byId(`${name}-readout`);
  let say = () => "waiting for data";
  const tell = (plot) => setText(readout, say(plot.cursor.idx ?? null));
  const plot = new uPlot(options(target, series, format, { setCursor: [tell], draw: [drawMarks, ...drawings] }), [[], ...series.map(() => [])], target);
  new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: HEIGHT })).observe(target);
  makeReachable(target, plot, () => readout.textContent);

  return {
    plot,
    show(data, range, words) {
      say = words;
      plot.setData(data, false);
      plot.setScale("x", range);
      tell(plot);
      setAttribute(target, "aria-label", `${byId(`${name}-title`).textContent}: ${words(null)}`);
    },
  };
}

function options(target, series, format, hooks) {
  return {
    width: target.clientWidth || 300,
    height: HEIGHT,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "time" }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, max > 0 ? max * HEADROOM : 1] } },
    series: [{}, ...series],
    axes: [
      { ...axis(), size: 26, space: 90, values: (_plot, ticks) => ticks.map((tick) => clock(tick * 1000)) },
      { ...axis(), size: AXIS_WIDTH, space: 34, values: (_plot, ticks) => ticks.map((tick) => format(tick)) },
    ],
    hooks,
  };
}

function axis() {
  return {
    stroke: () => palette.muted,
    font: "11px system-ui, sans-serif",
    gap: 5,
    grid: { stroke: () => palette.rule, width: 1 },
    ticks: { show: false },
  };
}

function line(label, shade, hasPoints) {
  return { label, stroke: () => palette[shade], width: 1.75, points: { show: hasPoints, size: 4 } };
}

function area(label, shade) {
  return { label, stroke: () => palette[shade], fill: () => palette[shade], width: 0, points: { show: false } };
}

/** The highest layer comes first, so that the lower ones are painted over it. */
function layers() {
  return LAYER_COLOURS.map((shade) => area(shade, shade));
}

/** Reconnects and resumes: a dashed line with a triangle where the connection ended, a diamond where it was resumed. */
function drawMarks(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const { at, type } of marks) {
    const x = Math.round(plot.valToPos(at / 1000, "x", true));
    if (x < bbox.left || type === "injected") continue;
    ctx.strokeStyle = ctx.fillStyle = type === "resumed" ? palette.good : palette.bad;
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    drawGlyph(ctx, type, x, bbox.top, 4 * window.devicePixelRatio);
  }
  ctx.restore();
}

function drawGlyph(ctx, type, x, y, size) {
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y + (type === "resumed" ? 0 : size));
  if (type === "resumed") ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y + (type === "resumed" ? 0 : size));
  ctx.fill();
}

/** What the area and the line stand for, inside the plot. */
function drawLegend({ ctx, bbox, series }) {
  const scale = window.devicePixelRatio;
  let x = bbox.left + 6 * scale;
  const y = bbox.top + 6 * scale;
  ctx.save();
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { label, width, stroke } of series.slice(1)) {
    const isArea = width === 0;
    ctx.fillStyle = stroke();
    ctx.fillRect(x, y - (isArea ? 4 : 1) * scale, 10 * scale, (isArea ? 8 : 2) * scale);
    ctx.fillStyle = palette.muted;
    ctx.fillText(label, x + 15 * scale, y);
    x += 27 * scale + ctx.measureText(label).width;
  }
  ctx.restore();
}

/** Arrow keys move the cursor, so that every value can be read without a mouse. */
function makeReachable(target, plot, words) {
  target.tabIndex = 0;
  target.setAttribute("role", "img");
  target.setAttribute("aria-label", "Chart");
  target.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const last = plot.data[0].length - 1;
    if (!step || last < 0) return;
    event.preventDefault();
    const place = Math.min(last, Math.max(0, (plot.cursor.idx ?? last + 1) + step));
    plot.setCursor({ left: plot.valToPos(plot.data[0][place], "x"), top: 10 });
    setText(byId("announcer"), words());
  });
  target.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));
}

function readPalette() {
  palette = Object.fromEntries([...COLOURS, ...LAYER_COLOURS].map((name) => [name, colour(`--${name}`)]));
}
