"""One voice of an ABC tune while it is read: what is in force, and what has been written so far.

Lengths are whole numbers of 1 / `WHOLE` of a whole note, so that they add up exactly and fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tonerow.abc_notation.fields import Key, Shift, refuse
from tonerow.notes.schema import Rejection

WHOLE = 2**12 * 3**4 * 5**2 * 7 * 11 * 13
"""Length units in a whole note: any halving to 1/4096, any usual tuplet, tuplets in tuplets."""

_LONGEST_NOTE = 64  # whole notes
_LONGEST_REST = 4096  # whole notes: rests of many bars are usual in parts
_MOST_LAYERS = 16


@dataclass(slots=True)
class Sound:
    """A note, a chord or (without pitches) a rest.

    Attributes:
        pitches: 0-127.
        durations: per pitch, in 1 / `WHOLE`.
        tied: per pitch, whether it is tied to the next sound.
        advance: when the next sound starts after this one, in 1 / `WHOLE`; negative where an
            overlay goes back to the beginning of its bar.
        line: where it stands in the tune's text, from 1; 0 where it does not, since an overlay adds
            it: the way back, and the silence up to its bar's end.
        program: General MIDI program 0-127.
        layer: 0; behind the first, second, ... ``&`` of a bar 1, 2, ...
    """

    pitches: tuple[int, ...]
    durations: tuple[int, ...]
    tied: tuple[bool, ...]
    advance: int
    line: int
    program: int = 0
    layer: int = 0

    def scale(self, top: int, bottom: int) -> None:
        """Make every duration top / bottom times as long."""
        for duration in (*self.durations, self.advance):
            if duration * top % bottom:
                what = "A note length is too fine to be written exactly"
                raise refuse(Rejection.IMPOSSIBLE_TIMING, what, self.line)
        self.durations = tuple(duration * top // bottom for duration in self.durations)
        self.advance = self.advance * top // bottom


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as written.

    Attributes:
        length: whole notes from its first sound to the bar line.
        meter: whole notes that the metre in force asks for; None in free metre.
        n_notes: how many notes it has; rests are none.
        begin: index of its first sound in the voice.
    """

    length: Fraction
    meter: Fraction | None
    n_notes: int
    begin: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar line (or part label) between two sounds.

    Attributes:
        position: index of the sound that follows.
        line: where it stands in the tune's text, from 1.
        times: how often the section that ends here is played: 2 for ``:|``, 3 for ``::|``; 0 where
            no repeat ends.
        starts: whether a repeat starts here (``|:``).
        double: whether a section ends here (``||``, ``|]``, ``[|``).
        endings: the passes of the variant ending that begins here; empty for none.
        part: the label of the `P:` field that stands here; None for none.
    """

    position: int
    line: int
    times: int = 0
    starts: bool = False
    double: bool = False
    endings: tuple[int, ...] = ()
    part: str | None = None


_Left = tuple[dict[str, int], dict[str, int], Sound | None]
"""What a layer goes on with in the next bar: `tied`, `last` and `newest` of a `Voice`."""


@dataclass(slots=True)
class Voice:
    """What is in force at a place of one voice, and what it has had so far."""

    name: str
    unit: Fraction
    meter: Fraction | None
    meter_name: str | None
    key: Key
    program: int = 0
    shift: Shift = field(default_factory=Shift)  # by `K:` and `V:`
    transpose: int = 0  # semitones, by %%MIDI transpose
    sounds: list[Sound] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tempos: list[tuple[int, float]] = field(default_factory=list)  # index of sound, BPM
    bars: list[Bar] = field(default_factory=list)
    bar_begin: int = 0  # index of the bar's first sound
    layer: int = 0  # of this bar, one more behind each `&`
    layer_begin: int = 0  # index of the layer's first sound in this bar
    first_layer_length: int = 0  # of a bar with an overlay, in 1 / `WHOLE`
    newest: Sound | None = None  # of the layer
    altered: dict[str, int] = field(default_factory=dict)  # accidentals in this bar
    tied: dict[str, int] = field(default_factory=dict)  # accidentals that a tie carries over
    last: dict[str, int] = field(default_factory=dict)  # accidentals of the last sound
    left: list[_Left] = field(default_factory=list)  # by each layer, when it was last left
    lengths: dict[str, int] = field(default_factory=dict)  # of multipliers seen with this unit
    tuplet: tuple[int, int, int] | None = None  # top, bottom, sounds left
    broken: tuple[int, int] | None = None  # what `>` or `<` leaves for the next sound
    first_meter: str | None = None
    first_key: str | None = None
    n_notes: int = 0

    def length(self, multiplier: str, line: int) -> int:
        """The length that a multiplier such as "3/2", "/" or "" gives (ABC 2.1, 4.3)."""
        known = self.lengths.get(multiplier)
        if known is not None:
            return known
        if len(multiplier) > 16:
            raise refuse(Rejection.IMPOSSIBLE_TIMING, "A note length has too many digits", line)
        top, _, bottom = multiplier.partition("/")
        slashes = multiplier.count("/")
        divisor = int(bottom.lstrip("/") or 2) * 2 ** max(0, slashes - 1) if slashes else 1
        if not divisor or top.strip("0") == "" != top:
            raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No note can last {multiplier!r}", line)
        exact = self.unit * Fraction(int(top or 1), divisor) * WHOLE
        if exact.denominator != 1 or exact > _LONGEST_NOTE * WHOLE:
            raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No note can last {multiplier!r}", line)
        self.lengths[multiplier] = exact.numerator
        return exact.numerator

    def set_unit(self, unit: Fraction) -> None:
        """Change the unit note length."""
        self.unit = unit
        self.lengths = {}

    def set_meter(self, meter: tuple[str, Fraction] | None) -> None:
        """Change the metre; the unit note length stays."""
        self.meter_name, self.meter = meter if meter else (None, None)

    def is_at_label(self) -> bool:
        """Whether a part's label is the last that the voice has had."""
        last = self.marks[-1] if self.marks else None
        return last is not None and last.part is not None and last.position == len(self.sounds)

    def is_in_pickup(self) -> bool:
        """Whether less than a whole bar has ended since the last mark."""
        since = self.marks[-1].position if self.marks else 0
        ended = [bar for bar in self.bars[-2:] if bar.begin >= since]
        return not ended or (
            len(ended) == 1 and ended[0].meter is not None and ended[0].length < ended[0].meter
        )

    def add(self, sound: Sound) -> None:
        """Append a note, chord or rest, as the broken rhythm and tuplet in force have it."""
        broken, self.broken = self.broken, None
        if broken:
            sound.scale(*broken)
        if self.tuplet:
            top, bottom, left = self.tuplet
            sound.scale(top, bottom)
            self.tuplet = (top, bottom, left - 1) if left > 1 else None
        if broken and self.sounds[-1].advance * broken[0] != sound.advance * (
            2 * broken[1] - broken[0]
        ):
            what = "A broken rhythm between unequal notes, which the standard leaves undefined,"
            raise refuse(Rejection.CORRUPT, f"{what} was found", sound.line)
        if not self.n_notes and sound.pitches:
            self.first_meter, self.first_key = self.meter_name, self.key.name
        self.n_notes += len(sound.pitches)
        sound.program, sound.layer = self.program, self.layer
        self.sounds.append(sound)
        self.newest = sound

    def rest_bars(self, count: str, line: int) -> None:
        """Append a rest of whole bars (``Z4``)."""
        if self.meter is None or self.tuplet:
            what = "A rest of whole bars needs a metre" if not self.tuplet else "Z in a tuplet"
            raise refuse(Rejection.CORRUPT, what, line)
        exact = self.meter * (int(count) if 0 < len(count) < 6 else 1) * WHOLE
        if len(count) > 5 or exact.denominator != 1 or not 0 < exact <= _LONGEST_REST * WHOLE:
            raise refuse(Rejection.IMPOSSIBLE_TIMING, f"No rest can last {count[:9]} bars", line)
        self.add(Sound((), (), (), exact.numerator, line))

    def break_rhythm(self, sign: str, line: int) -> None:
        """Dot the last sound and shorten the next one, or the reverse (ABC 2.1, 4.4)."""
        if self.layer_begin == len(self.sounds) or self.broken or len(sign) > 3:
            raise refuse(Rejection.CORRUPT, f"{sign[:9]!r} stands between no two notes", line)
        bottom = 2 ** len(sign)
        long, short = (2 * bottom - 1, bottom), (1, bottom)
        first, self.broken = (long, short) if sign[0] == ">" else (short, long)
        self.sounds[-1].scale(*first)

    def begin_layer(self, line: int) -> None:
        """Go back to the bar's beginning: what follows sounds together with it (ABC 2.1, 7.4)."""
        if self.layer_begin == len(self.sounds):
            what = "No notes of its bar stand before an overlay '&'"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, line)
        if self.layer + 1 == _MOST_LAYERS:
            raise refuse(Rejection.CORRUPT, f"A bar has over {_MOST_LAYERS} layers", line)
        length = self._layer_length(line)
        if not self.layer:
            self.first_layer_length = length
        elif length < self.first_layer_length:  # it rests up to the bar line
            self.tied = self.last = {}
        self._leave_for(self.layer + 1, -length)

    def _end_overlay(self, line: int) -> None:
        """Rest up to the bar's end, where the first layer goes on."""
        rest = self.first_layer_length - self._layer_length(line)
        if rest:
            self.tied = self.last = {}
        del self.left[self.layer + 1 :]
        self._leave_for(0, rest)

    def _leave_for(self, layer: int, advance: int) -> None:
        self.left[self.layer : self.layer + 1] = [(self.tied, self.last, self.newest)]
        known = layer < len(self.left)
        self.tied, self.last, self.newest = self.left[layer] if known else ({}, {}, None)
        self.altered = {}
        self.sounds.append(Sound((), (), (), advance, line=0))
        self.layer, self.layer_begin = layer, len(self.sounds)

    def _layer_length(self, line: int) -> int:
        """How long the layer is that ends here, in 1 / `WHOLE`."""
        if self.tuplet or self.broken:
            what = "A tuplet or broken rhythm lacks notes where a layer of its bar ends"
            raise refuse(Rejection.CORRUPT, what, line)
        if self.marks and self.marks[-1].position > self.bar_begin:
            what = "An ending or part begins inside a bar of several layers"
            raise refuse(Rejection.UNSUPPORTED_FORMAT, what, line)
        length = sum(sound.advance for sound in self.sounds[self.layer_begin :])
        if self.layer and length > self.first_layer_length:
            what = "A layer of a bar is longer than its first layer"
            raise refuse(Rejection.CORRUPT, what, line)
        return length

    def end_bar(self, line: int) -> None:
        """Note the bar that ends here; accidentals end with it (ABC 2.1, 4.2)."""
        self.altered = {}
        if self.layer:
            self._end_overlay(line)
        elif self.left and self.bar_begin < len(self.sounds):
            self.left = []  # no layer goes on over a bar without it
        begin, end = self.bar_begin, len(self.sounds)
        if begin < end:
            inside = self.sounds[begin:end]
            length = Fraction(sum(sound.advance for sound in inside), WHOLE)
            n_notes = sum(len(sound.pitches) for sound in inside)
            self.bars.append(Bar(length, self.meter, n_notes, begin))
            self.bar_begin = self.layer_begin = end

    def finish(self) -> None:
        """Check that nothing is left open at the tune's end."""
        line = next((sound.line for sound in reversed(self.sounds) if sound.line), 1)
        self.end_bar(line)
        if self.tuplet or self.broken:
            what = "A tuplet" if self.tuplet else "A broken rhythm"
            raise refuse(Rejection.CORRUPT, f"{what} lacks notes at the tune's end", line)
