"""Ways to spoil an encoded data set, by a seed: what scanners, gateways, disks and people with bad intentions do to it.

Each takes the bytes and a source of randomness and returns other bytes. Must not know who reads them.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

_ABSURD = (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x80000000, 0x00FFFFFF, 0)
_VRS = (b"OB", b"OW", b"SQ", b"UN", b"US", b"FD", b"DS", b"IS", b"UI", b"AT", b"PN", b"ZZ", b"\0\0")
_NUMBERS = (b"-9e15", b"1e308", b"nan", b"inf", b"0", b"-1", b"1e-300", b"", b"\\", b"7000000")
_COUNTS = ((0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0002), (0x0028, 0x0100), (0x0028, 0x0101), (0x0028, 0x0103))


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    """Flip one to 64 bits anywhere."""
    spoiled = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 64))):
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def flip_bits_of_the_header(content: bytes, chance: random.Random) -> bytes:
    """Flip bits within the first kilobyte, where the attributes are."""
    return flip_bits(content[:1024], chance) + content[1024:]


def cut(content: bytes, chance: random.Random) -> bytes:
    """End anywhere."""
    return content[: chance.randrange(len(content))]


def repeat(content: bytes, chance: random.Random) -> bytes:
    """Say a part twice."""
    begin = chance.randrange(len(content))
    end = min(len(content), begin + chance.randrange(1, 4096))
    return content[:end] + content[begin:end] + content[end:]


def drop(content: bytes, chance: random.Random) -> bytes:
    """Leave a part out."""
    begin = chance.randrange(len(content))
    return content[:begin] + content[begin + chance.randrange(1, 512) :]


def insert_noise(content: bytes, chance: random.Random) -> bytes:
    """Put random bytes in between."""
    at = chance.randrange(len(content))
    return content[:at] + chance.randbytes(chance.randrange(1, 2048)) + content[at:]


def absurd_length(content: bytes, chance: random.Random) -> bytes:
    """Write a length, or what lies where one may be, as large as it can be."""
    at = 4 * chance.randrange(len(content) // 4)
    return content[:at] + struct.pack("<L", chance.choice(_ABSURD)) + content[at + 4 :]


def absurd_count(content: bytes, chance: random.Random) -> bytes:
    """Give rows, columns, frames or bits another number."""
    tag = struct.pack("<HH", *chance.choice(_COUNTS))
    at = content.find(tag)
    if at < 0:
        return flip_bits(content, chance)
    number = chance.choice((0, 1, 7, 255, 4097, 32768, 65535))
    return content[: at + 8] + struct.pack("<H", number) + content[at + 10 :]


def other_representation(content: bytes, chance: random.Random) -> bytes:
    """Write another value representation over one that is there."""
    places = [at for at in range(4, min(len(content) - 2, 2000)) if content[at : at + 2] in _VRS]
    if not places:
        return flip_bits_of_the_header(content, chance)
    at = chance.choice(places)
    return content[:at] + chance.choice(_VRS) + content[at + 2 :]


def nest(content: bytes, chance: random.Random) -> bytes:
    """Begin with sequences in sequences, ended or not."""
    depth = chance.choice((1, 10, 500, 5000))
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * chance.choice((0, depth))
    return content[:60] + opening + closing + content[60:]


def empty_items(content: bytes, chance: random.Random) -> bytes:
    """Put in a sequence of very many items of nothing."""
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * chance.choice((10, 1000, 300_000))
    return content[:60] + b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<L", len(items)) + items + content[60:]


def private_element(content: bytes, chance: random.Random) -> bytes:
    """Put in a private element of some megabytes."""
    length = chance.choice((0, 70_000, 4_000_000))
    element = b"\x09\x00\x10\x10OB\0\0" + struct.pack("<L", length) + bytes(length)
    return content[:60] + element + content[60:]


def undefined_length(content: bytes, chance: random.Random) -> bytes:
    """Let an element have no end."""
    return content[:60] + b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff" + content[60:]


def shuffle(content: bytes, chance: random.Random) -> bytes:
    """Bring the second part of the header in front of the first."""
    at, end = sorted(chance.sample(range(min(len(content), 600)), 2))
    return content[at:end] + content[:at] + content[end:]


def zeros(content: bytes, chance: random.Random) -> bytes:
    """Let a part of it be nothing, as a disk does."""
    begin = chance.randrange(len(content))
    length = min(chance.choice((16, 512, 4096)), len(content) - begin)
    return content[:begin] + bytes(length) + content[begin + length :]


def rescaled(content: bytes, chance: random.Random) -> bytes:
    """Give the rescale other numbers."""
    for tag in (b"\x28\x00\x52\x10DS", b"\x28\x00\x53\x10DS"):
        at = content.find(tag)
        if at >= 0:
            (length,) = struct.unpack("<H", content[at + 6 : at + 8])
            number = chance.choice(
                (b"-9e15", b"1e308", b"nan", b"inf", b"0", b"-1", b"1e-300", b"", b"\\\\", b"7000000")
            )
            content = content[: at + 8] + number[:length].ljust(length) + content[at + 8 + length :]
    return content


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits_of_the_header,
    cut,
    repeat,
    drop,
    insert_noise,
    absurd_length,
    absurd_count,
    other_representation,
    nest,
    empty_items,
    private_element,
    undefined_length,
    shuffle,
    zeros,
    rescaled,
)


def deflated(content: bytes, zeros_after: int = 0) -> bytes:
    """Return a data set deflated, with so many zeros after it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    parts = [packer.compress(content)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(zeros_after >> 20)]
    return b"".join([*parts, packer.flush()])
