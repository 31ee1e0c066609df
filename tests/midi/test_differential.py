"""The MIDI reader beside pretty_midi, symusic, mido and music21: every disagreement has a name.

`by_rules` pairs mido's messages by stated rules. This reader, pretty_midi and symusic each follow
one choice of rules to the note, so that where two of them differ, the rule that differs says why.
Set TONEROW_MIDI to folders (joined by ":") to have all of their files compared as well.
"""

import io
import os
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import pretty_midi
import pytest
import symusic

from tests.midi.midi_bytes import Event, midi, off, on, program, tempo
from tonerow.midi.reading import read_midi
from tonerow.notes.score import UnreadableError

CORPUS = Path(__file__).parent.parent / "corpus" / "midi"
Note = tuple[int, int, int, int, int, bool]  # onset, duration, pitch, velocity, program, is_drum
Change = tuple[int, int, int]  # tick, track, program
Voice = tuple[int, int]  # channel, pitch
Open = tuple[int, mido.Message, int]  # onset, note-on, how many programs its track had set by then


@dataclass(frozen=True)
class Rules:
    """How a reader makes notes of messages.

    Attributes:
        in_turn: "always": a note-off ends the oldest open note of its pitch; "never": all of them,
            but those of its own tick only if there is no older one; "even": the oldest where each
            note-on of the pitch has a note-off after it, else all of them.
        spares_new: where a note-off has ended several notes, as many others of its tick end none.
        other_tracks: a track that sets no program for a channel takes that of other tracks.
        at_the_end: a note has the program in force when it ends; else when it begins.
    """

    in_turn: str = "never"
    spares_new: bool = False
    other_tracks: bool = False
    at_the_end: bool = False


OURS = Rules("even", spares_new=True, other_tracks=True)
PRETTY_MIDI = Rules(at_the_end=True)
SYMUSIC = Rules("always")


def by_rules(data: bytes, rules: Rules) -> Counter[Note]:
    """The notes of a file by mido's messages."""
    changes: dict[int, list[Change]] = defaultdict(list)  # by channel
    found: list[tuple[int, mido.Message, int, int, list[Change]]] = []
    for number, track in enumerate(mido.MidiFile(file=io.BytesIO(data)).tracks):
        now = 0
        own: dict[int, list[Change]] = defaultdict(list)
        sounding: dict[Voice, list[Open]] = defaultdict(list)
        spared: Counter[tuple[Voice, int]] = Counter()  # note-offs of a tick that end nothing
        even = _even(track)
        for message in track:
            now += message.time
            if message.type == "program_change":
                change = (now, number, message.program)
                own[message.channel].append(change)
                changes[message.channel].append(change)
            elif message.type == "note_on" and message.velocity:
                voice = sounding[message.channel, message.note]
                voice.append((now, message, len(own[message.channel])))
            elif message.type in ("note_on", "note_off"):
                key = (message.channel, message.note)
                in_turn = rules.in_turn == "always" or (rules.in_turn == "even" and key in even)
                if spared[key, now] and not any(note[0] < now for note in sounding[key]):
                    spared[key, now] -= 1
                    continue
                ended = _ended(sounding[key], now, in_turn)
                if rules.spares_new and not in_turn:
                    spared[key, now] += max(len(ended) - 1, 0)
                mine = own[message.channel]
                for begin, begun, n_before in ended:
                    n_known = len(mine) if rules.at_the_end else n_before
                    found.append((begin, begun, now, number, mine[:n_known]))
    return Counter(
        (begin, end - begin, begun.note, begun.velocity,
         _program(begin, own_changes, changes[begun.channel], rules), begun.channel == 9)
        for begin, begun, end, _, own_changes in found
        if end > begin
    )  # fmt: skip


def _even(track: mido.MidiTrack) -> set[Voice]:
    """The voices of a track of which every note-on has a note-off, none before it."""
    ticks: dict[Voice, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    now = 0
    for message in track:
        now += message.time
        if message.type in ("note_on", "note_off"):
            begins = message.type == "note_on" and message.velocity > 0
            ticks[message.channel, message.note][0 if begins else 1].append(now)
    return {
        voice
        for voice, (begun, ended) in ticks.items()
        if len(begun) == len(ended) and all(b <= e for b, e in zip(begun, ended, strict=True))
    }


def _ended(voice: list[Open], now: int, in_turn: bool) -> list[Open]:
    """Takes out of the open notes what a note-off ends."""
    if in_turn:
        ended = voice[:1]
        del voice[:1]
        return ended
    ended = [note for note in voice if note[0] < now]
    fresh = [note for note in voice if note[0] == now]
    voice[:] = fresh if ended else []
    return ended


def _program(at: int, own: list[Change], anyones: list[Change], rules: Rules) -> int:
    if own or not rules.other_tracks:
        return own[-1][2] if own else 0
    earlier = [change for change in anyones if change[0] <= at]
    return max(earlier, key=lambda change: change[:2])[2] if earlier else 0


def ours(data: bytes) -> Counter[Note]:
    score = read_midi(data)
    names = ("onset_tick", "duration_tick", "pitch", "velocity", "program", "is_drum")
    return Counter(zip(*(getattr(score, name).tolist() for name in names), strict=True))


def by_pretty_midi(data: bytes) -> Counter[Note]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pretty_midi.PrettyMIDI(io.BytesIO(data))
    notes: Counter[Note] = Counter()
    for part in other.instruments:
        for note in part.notes:
            begin, end = (int(other.time_to_tick(t)) for t in (note.start, note.end))
            kind = (int(part.program), bool(part.is_drum))
            notes[begin, end - begin, note.pitch, note.velocity, *kind] += 1
    return notes


def by_symusic(data: bytes) -> Counter[Note]:
    score: Any = symusic.Score.from_midi(data)
    return Counter(
        (n.time, n.duration, n.pitch, n.velocity, t.program, t.is_drum)
        for t in score.tracks
        for n in t.notes
        if n.duration > 0
    )


ONCE: list[Event] = [(0, on(60, 1)), (0, on(60, 2))]
TWICE: list[Event] = [(0, off(60)), (0, off(60))]
FIRST: list[Event] = [(0, on(60, 1)), (10, on(60, 2)), (10, off(60)), (10, off(60))]
# What tells the readers apart: a file, and our notes as (onset, duration, velocity, program).
CAUSES: dict[str, tuple[bytes, list[tuple[int, int, int, int]]]] = {
    "which of two notes a note-off ends": (midi(FIRST), [(0, 20, 1, 0), (10, 20, 2, 0)]),
    "two notes and one note-off": (midi(FIRST[:3]), [(0, 20, 1, 0), (10, 10, 2, 0)]),
    "two notes of one onset, struck again before their note-offs": (
        midi([*ONCE, (96, on(60, 3)), (0, on(60, 4)), *TWICE, (96, off(60)), (0, off(60))]),
        [(0, 96, 1, 0), (0, 96, 2, 0), (96, 96, 3, 0), (96, 96, 4, 0)],
    ),
    "the same, and one note-off too few": (
        midi([*ONCE, (96, on(60, 3)), *TWICE, (96, on(60, 4)), (9, off(60))]),
        [(0, 96, 1, 0), (0, 96, 2, 0), (96, 105, 3, 0), (192, 9, 4, 0)],
    ),
    "a note that ends as it begins while another sounds": (
        midi([(0, on(60, 1)), (9, on(60, 2)), (0, off(60)), (9, off(60))]),
        [(0, 9, 1, 0), (9, 9, 2, 0)],
    ),
    "a note of no length whose note-off comes late": (
        midi([*FIRST[:3], (5, on(60, 3)), (0, off(60)), (5, off(60))]),
        [(0, 20, 1, 0), (10, 15, 2, 0), (25, 5, 3, 0)],
    ),
    "a program that stands in another track": (
        midi([(0, program(7))], [(0, on(60, 1)), (9, off(60))]),
        [(0, 9, 1, 7)],
    ),
    "a program that changes while a note sounds": (
        midi([(0, on(60, 1)), (5, program(7)), (5, off(60))]),
        [(0, 10, 1, 0)],
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_causes_of_disagreement(cause: str) -> None:
    data, expected = CAUSES[cause]
    mine = ours(data)
    assert sorted((b, d, v, p) for b, d, _, v, p, _ in mine.elements()) == expected
    assert mine == by_rules(data, OURS)
    assert by_pretty_midi(data) == by_rules(data, PRETTY_MIDI)
    assert by_symusic(data) == by_rules(data, SYMUSIC)
    assert len(
        {frozenset(r.items()) for r in (mine, by_pretty_midi(data), by_symusic(data))}
    ) > 1 or ("as it begins" in cause)


def real_files() -> list[Path]:
    folders = [CORPUS, *map(Path, filter(None, os.environ.get("TONEROW_MIDI", "").split(":")))]
    return sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in (".mid", ".midi"))


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_differ_by_these_causes_alone(path: Path) -> None:
    data = path.read_bytes()
    data = data[20:] if data[:4] == b"RIFF" else data  # which the others do not know
    try:
        mine = ours(data)
    except UnreadableError as error:
        pytest.skip(f"refused: {error.detail}")
    assert mine == by_rules(data, OURS)
    assert by_symusic(data) == by_rules(data, SYMUSIC)
    try:
        theirs = by_pretty_midi(data)
    except Exception as error:
        assert "KeySignature" in type(error).__name__
        return
    assert theirs == by_rules(data, PRETTY_MIDI)


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_notes_begin_and_end_when_mido_plays_them(path: Path) -> None:
    """In seconds, whatever track the tempo stands in."""
    data = path.read_bytes()
    data = data[20:] if data[:4] == b"RIFF" else data
    try:
        score = read_midi(data)
        messages = list(mido.MidiFile(file=io.BytesIO(data)))
    except (UnreadableError, mido.KeySignatureError) as error:
        pytest.skip(f"refused: {error}")
    now, times = 0.0, set()
    for message in messages:
        now += message.time
        if message.type in ("note_on", "note_off"):
            times.add(round(now, 3))
    mine = [*score.onset_sec.tolist(), *(score.onset_sec + score.duration_sec).tolist()]
    near = {round(t, 3) + step for t in times for step in (-0.001, 0.0, 0.001)}
    assert {round(t, 3) for t in mine} <= {round(t, 3) for t in near}


def test_tempo_of_other_tracks_is_heard_by_mido_not_by_pretty_midi() -> None:
    data = midi([(0, on(60)), (960, off(60))], [(0, tempo(1_000_000))])
    assert read_midi(data).duration_sec.tolist() == [2.0]
    assert mido.MidiFile(file=io.BytesIO(data)).length == pytest.approx(2.0)
    with pytest.warns(RuntimeWarning):
        other = pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert other.get_end_time() == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["midi/solo/flute.mid", "midi/quartet/quartet.mid"])
def test_music21_has_the_same_pitches_and_beats(name: str) -> None:
    """In files without overlapping notes of one pitch, once its quantisation is off."""
    from music21 import converter

    path = CORPUS.parent / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = converter.parse(path, format="midi", forceSource=True, quantizePost=False)
    theirs = Counter(
        (int(p.midi), round(float(n.getOffsetInHierarchy(stream)), 6))
        for n in stream.recurse().notes
        if n.tie is None or n.tie.type == "start"
        for p in n.pitches
    )
    score = read_midi(path.read_bytes())
    beats = (score.onset_tick / score.ticks_per_beat).round(6)
    assert Counter(zip(score.pitch.tolist(), beats.tolist(), strict=True)) == theirs
