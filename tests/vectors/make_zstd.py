"""Writes `zstd_stream.bin` and `zstd_frames.bin` with the package `zstandard`, which holds the reference C library.

Run by hand, after `make_zlib.py`: `pip install zstandard && python3 tests/vectors/make_zstd.py`. The output is committed, so
that the tests need no Python.
"""

import zstandard

from vectors import messages, write

LEVELS = [-5, 1, 3, 7, 12, 19, 22]
WINDOWS = [10, 14, 18, 23]


def compressor(level, window, **options):
    parameters = zstandard.ZstdCompressionParameters.from_level(level, window_log=window, **options)
    return zstandard.ZstdCompressor(compression_params=parameters)


def stream(level, window):
    """One frame for all messages, each flushed; it has no end."""
    zstd = compressor(level, window).compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return [zstd.compress(message) + zstd.flush(flush) for message in messages()]


def frames(level, window, **options):
    """A complete frame for each message."""
    return [compressor(level, window, **options).compress(message) for message in messages()]


def pieces(level, window):
    """Complete frames, several to a message, with empty ones before, between and behind."""
    zstd = compressor(level, window)
    empty = zstd.compress(b"")
    cut = lambda message: len(message) // 3
    return [
        empty + zstd.compress(message[: cut(message)]) + empty + zstd.compress(message[cut(message) :]) + empty
        for message in messages()
    ]


def every_kind():
    for level in LEVELS:
        yield f"level {level}, frames with size", frames(level, 18)
    yield "frames with checksum", frames(3, 18, write_checksum=True)
    yield "frames without size", frames(3, 18, write_content_size=False)
    yield "frames with window 10", frames(3, 10, write_content_size=False)
    yield "several frames to a message", pieces(3, 18)


write("zstd_stream.bin", [(f"level {level}, window {window}", stream(level, window)) for level in LEVELS for window in WINDOWS])
write("zstd_frames.bin", every_kind())
