// Links answers to questions: which dispatch answers which command that was sent.
// Must never know how commands are sent or shown.

const MAX_OPEN = 50;
const PATIENCE_MS = 60_000;

const ANSWERS = {
  4: { names: ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"], fits: sameGuild },
  8: { names: ["GUILD_MEMBERS_CHUNK"], fits: sameNonce },
  31: { names: ["SOUNDBOARD_SOUNDS"], fits: amongGuilds },
  43: { names: ["CHANNEL_INFO"], fits: sameGuild },
};

/** Whether the protocol has an answer for this opcode at all. */
export const isAnswered = (opcode) => opcode in ANSWERS;

export class Questions {
  #open = [];

  /** @param {{ id: number, opcode: number, data: any }} question as it was sent */
  ask(question, now) {
    this.#open = this.#open.filter((other) => now - other.askedAt < PATIENCE_MS).slice(-MAX_OPEN + 1);
    if (isAnswered(question.opcode)) this.#open.push({ ...question, askedAt: now });
  }

  /**
   * The question that this dispatch answers, if any.
   * @param {string} name
   * @param {() => any} data read only if somebody waits for an event of this name
   */
  match(name, data) {
    const waiting = this.#open.filter((question) => canAnswer(question, name));
    if (waiting.length === 0) return undefined;
    const value = data();
    return waiting.find((question) => fits(question, name, value));
  }
}

function canAnswer(question, name) {
  return name === "RATE_LIMITED" || ANSWERS[question.opcode].names.includes(name);
}

function fits(question, name, value) {
  if (name !== "RATE_LIMITED") return ANSWERS[question.opcode].fits(question.data, value);
  return value.opcode === question.opcode && (!value.meta?.nonce || sameNonce(question.data, value.meta));
}

function sameNonce(asked, answer) {
  return asked.nonce ? asked.nonce === answer.nonce : sameGuild(asked, answer);
}

function sameGuild(asked, answer) {
  return asked.guild_id === answer.guild_id;
}

function amongGuilds(asked, answer) {
  return asked.guild_ids?.includes(answer.guild_id);
}
