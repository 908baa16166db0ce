"""Writes `messages.bin`, `zlib_stream.bin` and `zlib_single.bin` with Python's zlib, which is the reference C library.

Run by hand: `python3 tests/vectors/make_zlib.py`. The output is committed, so that the tests need no Python.
"""

import zlib

from vectors import messages, write

STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "filtered": zlib.Z_FILTERED,
    "huffman": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
    "fixed": zlib.Z_FIXED,
}


def stream(level, strategy, window):
    """One stream for all messages, each flushed."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
    return [deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH) for message in messages()]


def single(level, strategy, window):
    """One stream for each message."""
    out = []
    for message in messages():
        deflate = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
        out.append(deflate.compress(message) + deflate.flush())
    return out


def every_kind(make):
    """A vector for every level with every strategy, and for every size of window."""
    kinds = [(level, name, 15) for level in range(10) for name in STRATEGIES]
    kinds += [(6, "default", window) for window in range(9, 15)]
    for level, name, window in kinds:
        yield f"level {level}, {name}, window {window}", make(level, STRATEGIES[name], window)


write("messages.bin", [("messages", messages())])
write("zlib_stream.bin", every_kind(stream))
write("zlib_single.bin", every_kind(single))
