// Ways to inflate a stream of messages without a client around them. Each gives a function from a message to its text.
const decoder = new TextDecoder();

/** The way with this name; none without a name. */
export async function inflater(name) {
  return name ? ways[name]() : null;
}

const ways = {
  /** The host's own zlib, called synchronously by its handle, which is no public interface. */
  async host() {
    const { default: zlib } = await import("node:zlib");
    const { _handle: handle, _writeState: left } = zlib.createInflate();
    const flush = zlib.constants.Z_SYNC_FLUSH;
    let out = new Uint8Array(64 << 10);
    return (message) => {
      let [read, written] = [0, 0];
      for (;;) {
        handle.writeSync(flush, message, read, message.length - read, out, written, out.length - written);
        const [room, rest] = left;
        [read, written] = [message.length - rest, out.length - room];
        if (room > 0) return decoder.decode(out.subarray(0, written));
        const larger = new Uint8Array(out.length * 2);
        larger.set(out);
        out = larger;
      }
    };
  },

  async "zlib-sync"() {
    const { default: zlib } = await import("zlib-sync");
    const inflate = new zlib.Inflate({ chunkSize: 65_535, to: "string" });
    return (message) => {
      inflate.push(Buffer.from(message.buffer, message.byteOffset, message.length), zlib.Z_SYNC_FLUSH);
      return inflate.result;
    };
  },

  async pako() {
    const { Inflate } = await import("pako");
    const inflate = new Inflate({ chunkSize: 65_535 });
    let text = "";
    inflate.onData = (piece) => (text += decoder.decode(piece, { stream: true }));
    return (message) => {
      text = "";
      inflate.push(message, 2);
      return text;
    };
  },
};
