"""One prediction as bytes: magic, length, CRC-32, payload.

The payload is the caller's facts (packed once per caller and version), a fixed part, and five
pieces of the lengths that the fixed part names. The CRC starts from a secret of the process that
wrote the segment: nobody can put a record of somebody else's into their own input and hope for a
torn write to bring it to light.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from enum import IntEnum
from uuid import UUID

# 0xFF stands in no UTF-8 text, so that JSON never looks like a record's beginning.
MAGIC = b"\xffSJ1"
HEAD = struct.Struct("<4sII")
FACTS_BYTES = 80
# id, door, flags, kind, length of code, status, length of request id, of correlation id, rows,
# inference ns, duration ns, length of inputs, of outputs.
FIXED = struct.Struct("<16sBBBBHHHIQQII")
PAYLOAD_LEAST = FACTS_BYTES + FIXED.size

CACHE_HIT = 1
INPUTS_DROPPED = 2
OUTPUTS_DROPPED = 4

# What is larger is not kept: the record stays, with its figures and without this piece. Labels and
# confidence of a call whose outputs are dropped are in no roll-up.
MAX_INPUTS = 64 * 1024
MAX_OUTPUTS = 256 * 1024
MAX_CODE = 60
MAX_REQUEST_ID = 64
MAX_CORRELATION_ID = 128
# In UTF-8 a character has at most four bytes.
MAX_PAYLOAD = (
    PAYLOAD_LEAST + 4 * (MAX_CODE + MAX_REQUEST_ID + MAX_CORRELATION_ID) + MAX_INPUTS + MAX_OUTPUTS
)


class Door(IntEnum):
    """By which door a call came."""

    NATIVE = 1
    V2 = 2
    PLAYGROUND = 3
    INVOCATIONS = 4
    V1 = 5
    BATCH = 6
    ASYNC = 7


class Kind(IntEnum):
    """What the inputs are: nothing, a JSON body as received, or float64 rows, little-endian."""

    NONE = 0
    BODY = 1
    MATRIX = 2


def pack_facts(
    *,
    version_id: UUID,
    model_id: UUID,
    organization_id: UUID,
    user_id: UUID,
    key_id: UUID | None,
) -> bytes:
    """Who asked which version, as the 80 bytes every record of theirs begins with."""
    key = key_id.bytes if key_id else bytes(16)
    return version_id.bytes + model_id.bytes + organization_id.bytes + user_id.bytes + key


def pack_batch(data: bytes) -> str:
    """Records as a message carries them.

    Compressed, since a message is made into JSON, escaped and copied several times on its way, with
    the interpreter locked; the fastest level takes less time than that, and leaves it free.
    """
    return base64.b64encode(zlib.compress(data, 1)).decode("ascii")


def unpack_batch(payload: str) -> bytes:
    """The records in a message. Raises ValueError where it is garbled."""
    try:
        return zlib.decompress(base64.b64decode(payload, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from error
