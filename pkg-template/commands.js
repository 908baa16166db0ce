// The commands of a shard, for whoever speaks to one in another realm. Knows no shard.

/** Methods of `Shard` that are called there. Each gives a promise that may be ignored. */
export const COMMANDS = [
  "updatePresence",
  "updateVoiceState",
  "requestGuildMembers",
  "requestSoundboardSounds",
  "requestChannelInfo",
  "send",
  "sendEncoded",
];

/** Gives the commands to a class that has `command(name, ...args)`. */
export function giveCommands({ prototype }) {
  for (const name of COMMANDS) {
    prototype[name] = function (...args) {
      return this.command(name, ...args);
    };
  }
}
