"""Compressed bodies, both ways: gzip, and deflate in the zlib form its clients send."""

from __future__ import annotations

import gzip
import zlib

from common.errors import Invalid, TooLarge

# Less than this is sent as it is: compressing would cost more than it saves.
WORTH_COMPRESSING = 1024
_BITS = {"gzip": 31, "deflate": 15}


def decompress(body: bytes, encoding: str, most: int) -> bytes:
    """Undo a Content-Encoding. Raises Invalid, or TooLarge beyond `most` bytes."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in _BITS:
        raise Invalid(f"the Content-Encoding {encoding[:40]!r} is not known", code="bad_encoding")
    if body[:1] == b"{":
        # Tritonclient leaves the header of an earlier call in the caller's dictionary. Neither
        # form begins like this.
        return body
    bits = _BITS[name]
    # Some send deflate without the zlib header that its name means.
    if name == "deflate" and (
        len(body) < 2 or body[0] & 0x0F != 8 or (body[0] << 8 | body[1]) % 31
    ):
        bits = -15
    undo = zlib.decompressobj(bits)
    try:
        data = undo.decompress(body, most + 1)
    except zlib.error as error:
        raise Invalid(f"the body is no {name}: {error}", code="bad_encoding") from None
    if len(data) > most:
        raise TooLarge(f"the body has more than {most:,} bytes when it is unpacked")
    if not undo.eof or undo.unused_data:
        raise Invalid(f"the body is no whole {name} stream", code="bad_encoding")
    return data


def compress(body: bytes, accepted: str) -> tuple[bytes, str]:
    """The body as a client accepts it, and its Content-Encoding, "" for none."""
    names = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    if len(body) < WORTH_COMPRESSING:
        return body, ""
    if "gzip" in names:
        return gzip.compress(body, 1), "gzip"
    if "deflate" in names:
        return zlib.compress(body, 1), "deflate"
    return body, ""
