"""From a batch of the journal to rows and roll-ups, once, however often the batch arrives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.db import DataError, connection, transaction

from inference.journal.reader import Fixed, payloads
from inference.journal.record import CACHE_HIT, INPUTS_DROPPED, Kind
from inference.journal.writer import seed_of
from inference.partitions import day_of, ensure_partitions
from inference.people import add_people, sum_up_people
from inference.rollups import Fact, add_to_stored, moment, sum_up
from inference.stored import StoredPrediction, say_stored
from registry.models import ModelVersion

logger = structlog.get_logger(__name__)

NO_KEY: Final = bytes(16).hex()
NULL: Final = "\\N"
MAX_INTEGER = 2**31 - 1
# Versions whose kind a worker remembers.
MAX_KNOWN = 100_000
# Beyond so many brackets a document is looked at for its depth before PostgreSQL is: its parser
# recurses, and at the end of its stack the whole batch would fail.
SUSPICIOUS = 500
COLUMNS = (
    "id, organization_id, model_id, version_id, user_id, key_id, at_ms, door, status, code, rows,"
    " inference_us, duration_us, cache_hit, request_id, correlation_id, inputs_kept, inputs,"
    " outputs"
)
# One for the whole session: making one for each batch would fill the catalogue with its remains.
# The name changes with the columns: behind PgBouncer a session outlives a deployment.
TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS journal_copy_1 (
    id uuid, organization_id uuid, model_id uuid, version_id uuid, user_id uuid, key_id uuid,
    at_ms bigint, door smallint, status smallint, code text, rows integer, inference_us bigint,
    duration_us bigint, cache_hit boolean, request_id text, correlation_id text,
    inputs_kept boolean, inputs text, outputs text
) ON COMMIT DELETE ROWS
"""
# What jsonb can't hold (a number beyond its range, say) is not kept; the row is.
INSERT = """
INSERT INTO inference_prediction (
    id, organization_id, model_id, version_id, user_id, key_id, created_at, door, status, code,
    rows, inference_us, duration_us, cache_hit, request_id, correlation_id, inputs_kept, inputs,
    outputs
)
SELECT id, organization_id, model_id, version_id, user_id, key_id,
    'epoch'::timestamptz + at_ms * interval '1 millisecond', door, status, code, rows,
    inference_us, duration_us, cache_hit, request_id, correlation_id,
    inputs_kept AND (inputs IS NULL OR pg_input_is_valid(inputs, 'jsonb')),
    CASE WHEN pg_input_is_valid(inputs, 'jsonb') THEN inputs::jsonb END,
    CASE WHEN pg_input_is_valid(outputs, 'jsonb') THEN outputs::jsonb END
FROM journal_copy_1 ORDER BY id
ON CONFLICT (id) DO NOTHING RETURNING id
"""


class Answer(msgspec.Struct):
    """What roll-ups want of an answer; the rest is not even parsed."""

    predictions: list[Any] = []
    confidence: list[float | None] | None = None


NOTHING = Answer()
_decode_answer = msgspec.json.Decoder(Answer).decode
_classifiers: dict[UUID, bool] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, taken apart. The texts are escaped for COPY only when they are written."""

    id: int
    facts: str
    door: int
    status: int
    code: str
    rows: int
    inference_us: int
    duration_us: int
    cache_hit: bool
    request_id: str
    correlation_id: str
    inputs_kept: bool
    inputs: str | None
    outputs: str | None
    raw_outputs: bytes


def store(segment: str, offset: int, data: bytes) -> int:
    """Store a batch and add it to the roll-ups; returns how many predictions were new.

    One transaction: the batch's own row, which makes a second delivery stop at once, the
    predictions, whose ids make a record that came in two batches count once, the sums.
    """
    entries = list({entry.id: entry for entry in parse(segment, offset, data)}.values())
    ensure_partitions({day_of(entry.id) for entry in entries})
    try:
        return _store(segment, offset, data, entries)
    except DataError as error:
        # Not known to happen. A batch that can never be stored would come again for ever; its
        # figures are worth more than its inputs and outputs.
        logger.exception("batch_stored_bare", segment=segment, offset=offset, error=str(error))
        bare = [replace(e, inputs=None, inputs_kept=False, outputs=None) for e in entries]
        return _store(segment, offset, data, bare)


def parse(segment: str, offset: int, data: bytes) -> Iterator[Entry]:
    """Every record of a batch that is whole and sound; the others are named in the log."""
    for facts, fixed, pieces in payloads(data, seed_of(segment)):
        try:
            yield _entry(facts, fixed, pieces)
        except ValueError:
            logger.exception("record_unsound", segment=segment, offset=offset, id=fixed[0].hex())


@transaction.atomic
def _store(segment: str, offset: int, data: bytes, entries: Sequence[Entry]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO inference_journalbatch (segment, "offset", "end", stored_at)'
            " VALUES (%s, %s, %s, now()) ON CONFLICT DO NOTHING",
            [segment, offset, offset + len(data)],
        )
        if cursor.rowcount == 0:
            return 0
    return add(entries)


@transaction.atomic(savepoint=False)
def add(entries: Sequence[Entry]) -> int:
    """Add predictions and their sums; returns how many were new. Their days have partitions."""
    with connection.cursor() as cursor:
        cursor.execute(TEMPORARY)
        cursor.execute("DELETE FROM journal_copy_1")
        with cursor.copy(f"COPY journal_copy_1 ({COLUMNS}) FROM STDIN") as copy:
            copy.write("".join([_line(entry) for entry in entries]))
        cursor.execute(INSERT)
        new: Iterable[Entry] = entries
        if cursor.rowcount != len(entries):
            ids = {id_.int for (id_,) in cursor.fetchall()}
            new = [entry for entry in entries if entry.id in ids]
        count: int = cursor.rowcount
        if count:
            added = list(new)
            facts = list(_facts(added))
            add_to_stored(sum_up(facts))
            add_people(sum_up_people(facts))
            organizations = {entry.facts[64:96] for entry in added}
            say_stored({UUID(one) for one in organizations}, _Stored(added))
        return count


def _entry(facts: bytes, fixed: Fixed, pieces: bytes) -> Entry:
    (id_, door, flags, kind, code, status, request, correlation, rows, inference, duration,
     inputs, outputs) = fixed  # fmt: skip
    if code + request + correlation + inputs + outputs != len(pieces):
        raise ValueError("its pieces are not as long as it says")
    ends = [code, code + request, code + request + correlation]
    middle = ends[2] + inputs
    kept = inputs_text(kind, rows, pieces[ends[2] : middle])
    answer = pieces[middle:]
    return Entry(
        id=int.from_bytes(id_, "big"),
        facts=facts.hex(),
        door=door,
        status=min(status, 32767),
        code=_text(pieces[:code]),
        rows=min(rows, MAX_INTEGER),
        inference_us=inference // 1000,
        duration_us=duration // 1000,
        cache_hit=bool(flags & CACHE_HIT),
        request_id=_text(pieces[code : ends[1]]),
        correlation_id=_text(pieces[ends[1] : ends[2]]),
        inputs_kept=not flags & INPUTS_DROPPED and (kept is not None or not inputs),
        inputs=kept,
        outputs=_json(answer),
        raw_outputs=answer,
    )


class _Stored:
    """Entries as the apps above see them, made anew for each who iterates."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[StoredPrediction]:
        for entry in self._entries:
            yield StoredPrediction(
                id=UUID(int=entry.id),
                organization_id=UUID(entry.facts[64:96]),
                model_id=UUID(entry.facts[32:64]),
                version_id=UUID(entry.facts[:32]),
                created_at=moment(entry.id >> 80),
                status=entry.status,
                code=entry.code,
                rows=entry.rows,
                inference_us=entry.inference_us,
                correlation_id=entry.correlation_id,
            )


def _text(piece: bytes) -> str:
    return piece.decode(errors="replace").replace("\0", "\ufffd") if piece else ""


def inputs_text(kind: int, rows: int, piece: bytes) -> str | None:
    """The inputs as a JSON document of the native shape."""
    if kind != Kind.MATRIX:
        return _json(piece)
    if not rows or len(piece) % (8 * rows):
        return None
    # The journal is little-endian on every machine that Slipway runs on.
    matrix = memoryview(piece).cast("d", shape=[rows, len(piece) // 8 // rows]).tolist()
    # NaN and the infinities become null.
    return msgspec.json.encode({"inputs": matrix}).decode()


def _json(piece: bytes) -> str | None:
    """A document that PostgreSQL can be shown; None where there is none."""
    if not piece:
        return None
    try:
        text = piece.decode()
        if text.count("[") + text.count("{") > SUSPICIOUS:
            msgspec.json.decode(piece)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    if "\0" in text:
        return None
    # jsonb has no place for this one character.
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def _line(entry: Entry) -> str:
    """The entry in COPY's text format."""
    facts = entry.facts
    key = facts[128:]
    return (
        f"{entry.id:032x}\t{facts[64:96]}\t{facts[32:64]}\t{facts[:32]}\t{facts[96:128]}\t"
        f"{key if key != NO_KEY else NULL}\t{entry.id >> 80}\t{entry.door}\t{entry.status}\t"
        f"{_escaped(entry.code)}\t{entry.rows}\t{entry.inference_us}\t{entry.duration_us}\t"
        f"{'t' if entry.cache_hit else 'f'}\t{_escaped(entry.request_id)}\t"
        f"{_escaped(entry.correlation_id)}\t{'t' if entry.inputs_kept else 'f'}\t"
        f"{_escaped(entry.inputs)}\t{_escaped(entry.outputs)}\n"
    )


def _escaped(text: str | None) -> str:
    if text is None:
        return NULL
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    if "\r" in text:
        text = text.replace("\r", "\\r")
    return text


def _facts(entries: Iterable[Entry]) -> Iterator[Fact]:
    """What each entry adds to its roll-up."""
    entries = list(entries)
    versions = {facts: UUID(facts) for facts in {entry.facts[:32] for entry in entries}}
    classifiers = _which_classify(versions.values())
    for entry in entries:
        version = versions[entry.facts[:32]]
        answer = _answer(entry)
        yield Fact(
            version_id=version,
            user_id=UUID(entry.facts[96:128]),
            at_ms=entry.id >> 80,
            status=entry.status,
            code=entry.code,
            rows=entry.rows,
            inference_us=entry.inference_us,
            duration_us=entry.duration_us,
            cache_hit=entry.cache_hit,
            labels=answer.predictions if version in classifiers else (),
            confidence=answer.confidence or (),
        )


def _answer(entry: Entry) -> Answer:
    if not entry.raw_outputs:
        return NOTHING
    try:
        return _decode_answer(entry.raw_outputs)
    except (msgspec.DecodeError, RecursionError):
        return NOTHING


def _which_classify(versions: Iterable[UUID]) -> set[UUID]:
    """Those whose signature has classes. That never changes, so that it is asked once."""
    wanted = set(versions)
    unknown = wanted - _classifiers.keys()
    if unknown:
        found = ModelVersion.objects.filter(id__in=unknown)
        if len(_classifiers) > MAX_KNOWN:
            _classifiers.clear()
            found = ModelVersion.objects.filter(id__in=wanted)
        _classifiers.update(
            (id_, bool(classes)) for id_, classes in found.values_list("id", "signature__classes")
        )
    return {version for version in wanted if _classifiers.get(version)}
