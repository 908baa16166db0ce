// The timeline's entries in words: what kind of thing happened, and one line about it.
// Must never know the page.

import { plural, seconds } from "./format.js";
import { closeCode, HOSTS, why, WORD_OF_NEXT } from "./words.js";

const TONE_OF_STATUS = { ready: "good", disconnected: "bad", stopped: "off", idle: "off" };

/** @returns {{ tone: string, title: string, text: string, isMinor: boolean }} */
export function momentWords(moment) {
  return WORDS[moment.type]?.(moment) ?? entry("mark", moment.type, "");
}

/** The tone of a status without the rest of the state, for the band. */
export const toneOfStatus = (status) => TONE_OF_STATUS[status] ?? "busy";

/** Moments that are drawn as marks on charts and bands. */
export const isMark = ({ type }) => type === "disconnected" || type === "resumed" || type === "injected";

const WORDS = {
  started: ({ isResuming }) => entry("act", "client started", isResuming ? "with the session kept" : "without a session"),
  status: (moment) => minor(toneOfStatus(moment.status), moment.status, `after ${moment.previous}${retry(moment)}`),
  disconnected: (moment) => entry("bad", "connection ended", `${why(moment)}. Next: ${whatNext(moment)}.`),
  resumed: ({ replayed }) => entry("good", "resumed", `${plural(replayed, "missed event")} came again, none was lost`),
  notice: ({ code, message }) => entry("mark", code, message),
  stopped: ({ reason }) =>
    entry("off", "client stopped", reason.closeCode ? `closed with ${closeCode(reason.closeCode)}` : reason.message),
  injected: ({ label }) => entry("act", "fault injected", label),
  action: ({ label }) => entry("act", "you", label),
  network: ({ isOnline }) =>
    isOnline
      ? entry("good", "network back", "reconnecting at once")
      : entry("bad", "network lost", "this computer is offline"),
};

function entry(tone, title, text) {
  return { tone, title, text, isMinor: false };
}

function minor(tone, title, text) {
  return { tone, title, text, isMinor: true };
}

function whatNext({ next, host, retryInMs }) {
  return `${WORD_OF_NEXT[next]}${place(host)}${delay(retryInMs)}`;
}

function retry({ retryInMs }) {
  return retryInMs === undefined ? "" : `, next try in ${seconds(retryInMs)}`;
}

function place(host) {
  return host ? ` on the ${HOSTS[host]}` : "";
}

function delay(ms) {
  return ms ? ` in ${seconds(ms)}` : "";
}
