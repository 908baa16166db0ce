"""What `make_zlib.py` and `make_zstd.py` share: the messages, and the file format that the Rust tests read.

A file is a row of vectors: name, number of messages, messages. A name and a message are a little-endian u32 with the number
of bytes, then the bytes. The texts that every vector must decode to stand in `messages.bin`, a file of one vector.
"""

import json
import random
import struct
from pathlib import Path

HERE = Path(__file__).parent


def messages():
    """JSON texts as a Gateway sends them: most small, some of kilobytes, repeats across and within each, all scripts."""
    chance = random.Random(20)
    words = "alpha beta gamma delta naïve 日本語 🦀 \\u0000 \\\" null true 12345678901234567".split()

    def text(count):
        return " ".join(chance.choice(words) for _ in range(count))

    def member(number):
        user = {"id": str(chance.getrandbits(62)), "username": text(2), "avatar": f"{chance.getrandbits(128):032x}"}
        return {"user": user, "roles": [str(chance.getrandbits(62))], "nick": None if number % 3 else text(1)}

    out = [json.dumps({"t": None, "s": None, "op": 10, "d": {"heartbeat_interval": 41250}})]
    sizes = [1, 2, 1, 3, 1, 30, 1, 1, 2, 1, 12, 1]
    for number, size in enumerate(sizes):
        data = {"content": text(8 * size), "members": [member(index) for index in range(size)]}
        out.append(json.dumps({"t": "MESSAGE_CREATE", "s": number + 1, "op": 0, "d": data}, ensure_ascii=False))
    # Far back: about 10 KB lie between this one and what it repeats.
    out.append(out[2].replace("MESSAGE_CREATE", "MESSAGE_UPDATE"))
    # Strongly compressible, as a chunk of members without avatars is.
    out.append(json.dumps({"op": 0, "t": "X", "s": 99, "d": [None] * 700}))
    out.append("{}")
    return [message.encode() for message in out]


def write(path, vectors):
    """Writes `vectors`, pairs of a name and a list of byte strings."""

    def piece(data):
        return struct.pack("<I", len(data)) + data

    with open(HERE / path, "wb") as file:
        for name, parts in vectors:
            file.write(piece(name.encode()) + struct.pack("<I", len(parts)))
            for part in parts:
                file.write(piece(part))
