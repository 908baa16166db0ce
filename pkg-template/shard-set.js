// Which shards of a bot run here, and which shard a guild belongs to: what the crate's `proto::Shards` says. Knows no shard.

import { ShardwireError } from "./error.js";

/** More than any bot has; a number beyond it is a mistake, not a wish. */
const MOST = 2 ** 20;

/**
 * The numbers of the shards that run here, sorted, and the total: from what `fleet.d.ts` calls `shards` and `total`, and what
 * Discord recommends, if that is known.
 */
export function resolveShards({ shards = "auto", total, multipleOf = 1 }, recommended) {
  if (!isCount(multipleOf) || multipleOf === 0) throw refusal("multipleOf to be a whole number above zero");
  const isCounted = typeof shards === "number";
  if (isCounted && total !== undefined && total !== shards) {
    throw refusal("shards as a number to be the total; those that run here are a list, such as [0, \"4-7\"]");
  }
  const wanted = isCounted ? shards : total;
  const all = wanted ?? roundUp(recommended, multipleOf);
  if (all === undefined) throw refusal("total, or what Discord recommends, to be known");
  if (!isCount(all) || all === 0 || all > MOST) throw refusal(`a total from 1 to ${MOST}, got ${all}`);
  if (all % multipleOf !== 0) throw refusal(`a total that is a multiple of ${multipleOf}, got ${all}`);
  const parts = isCounted || shards === "auto" ? [[0, all - 1]] : toParts(shards);
  return { total: all, numbers: toNumbers(parts, all) };
}

/** The shard of a guild, as Discord deals them out: `(guild_id >> 22) % num_shards`. */
export function shardOf(guildId, total) {
  if (typeof guildId !== "string" || !/^\d{1,20}$/.test(guildId) || BigInt(guildId) >> 64n) {
    throw refusal("the id of a guild, as text");
  }
  return Number((BigInt(guildId) >> 22n) % BigInt(total));
}

/** The shard of a guild, of a fleet that has some of them. */
export function shardForGuild(fleet, guildId) {
  const number = shardOf(guildId, fleet.total);
  const shard = fleet.shard(number);
  if (shard) return shard;
  throw new ShardwireError("bad-shard", `expected a guild of a shard that runs here, not of ${number} of ${fleet.total}`);
}

function roundUp(recommended, multipleOf) {
  return recommended === undefined ? undefined : Math.ceil(recommended / multipleOf) * multipleOf;
}

/** First and last number of each part. */
function toParts(shards) {
  if (!Array.isArray(shards) || shards.length === 0) {
    throw refusal('shards to be "auto", a number, or a list of numbers and ranges');
  }
  return shards.map((part) => {
    if (isCount(part)) return [part, part];
    const [, first, last] = /^(\d+)-(\d+)$/.exec(part) ?? [undefined, part?.start, part?.end];
    const range = [Number(first), Number(last)];
    const isRange = first !== undefined && range.every(isCount);
    if (!isRange) throw refusal(`numbers, "4-7" or { start, end } in the list of shards, got ${JSON.stringify(part)}`);
    if (range[0] > range[1]) throw refusal(`a range that begins with its lower number, got ${range.join("-")}`);
    return range;
  });
}

function toNumbers(parts, total) {
  const numbers = [];
  for (const [first, last] of [...parts].sort(([one], [other]) => one - other)) {
    if (last >= total) throw refusal(`shards below ${total}, got ${last}`);
    // Sorted, so what is there twice stands next to each other.
    if (numbers.at(-1) >= first) throw refusal(`each shard once, ${first} is named twice`);
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

function refusal(expected) {
  return new ShardwireError("bad-shard", `expected ${expected}`);
}
