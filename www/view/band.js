// A band of the shard's states over time, on a canvas. States differ in height and hatching as well as in colour.
// Must never know where the band is used.

import { isMark, toneOfStatus } from "../model/moments.js";
import { colour } from "./dom.js";

const HEIGHT_OF_TONE = { good: 1, busy: 0.55, bad: 1, off: 0.2 };
const HATCH_STEP = 5;

/** @param {HTMLCanvasElement} canvas */
export function createBand(canvas) {
  const context = canvas.getContext("2d");
  let palette = readPalette();
  let drawnAt = 0;

  return {
    recolour() {
      palette = readPalette();
      drawnAt = 0;
    },
    /** At most once a second, unless something has changed. */
    draw(moments, from, to, hasChanged) {
      if (!hasChanged && to - drawnAt < 1000) return;
      const { width, height } = fit(canvas);
      if (width === 0) return;
      drawnAt = to;
      context.clearRect(0, 0, width, height);
      const xOf = (at) => ((at - from) / Math.max(1, to - from)) * width;
      for (const piece of pieces(moments, from, to)) drawPiece(context, piece, xOf, height, palette);
      for (const moment of moments) {
        if (isMark(moment) && moment.at >= from) drawMark(context, moment, xOf(moment.at), height, palette);
      }
    },
  };
}

function readPalette() {
  const names = ["good", "busy", "bad", "off", "ink", "ground"];
  return Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]));
}

function fit(canvas) {
  const scale = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { width, height };
}

/** Stretches of one status each, cut to the window. */
function pieces(moments, from, to) {
  const list = [];
  for (const moment of moments) {
    if (moment.type !== "status") continue;
    if (list.length) list.at(-1).to = moment.at;
    list.push({ tone: toneOfStatus(moment.status), from: moment.at, to });
  }
  return list.filter((piece) => piece.to >= from).map((piece) => ({ ...piece, from: Math.max(piece.from, from) }));
}

function drawPiece(context, { tone, from, to }, xOf, height, palette) {
  const x = xOf(from);
  const width = Math.max(1, xOf(to) - x);
  const size = Math.max(1, height * HEIGHT_OF_TONE[tone]);
  context.fillStyle = palette[tone];
  context.fillRect(x, height - size, width, size);
  if (tone === "bad") hatch(context, x, width, height, palette.ground);
}

function hatch(context, x, width, height, stroke) {
  context.save();
  context.beginPath();
  context.rect(x, 0, width, height);
  context.clip();
  context.strokeStyle = stroke;
  context.beginPath();
  for (let start = x - height; start < x + width; start += HATCH_STEP) {
    context.moveTo(start, height);
    context.lineTo(start + height, 0);
  }
  context.stroke();
  context.restore();
}

function drawMark(context, moment, x, height, palette) {
  context.fillStyle = moment.type === "resumed" ? palette.ink : palette.bad;
  context.fillRect(Math.round(x) - 1, 0, 2, height);
}
