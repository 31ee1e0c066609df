"""The symbols of ABC music code as regular expressions (ABC 2.1, 4), none of which backtracks far.

Hence a run of colons is bounded where its lengths are tried one by one.

The name of the outermost group that matched says what a symbol is; longer symbols come first.
"""

from __future__ import annotations

import re

_LENGTH = r"[0-9]*(?:/+[0-9]*)?"
_ACCIDENTAL = r"\^\^?|__?|="
_NOTE = (
    rf"(?P<note>(?P<accidental>{_ACCIDENTAL})?(?P<letter>[A-Ga-g])(?P<octave>[,']*)"
    rf"(?P<length>{_LENGTH})(?P<tie>-?))"
)
COMMENT = re.compile(r"(?<!\\)%.*")
"""From a percent sign to the end of the line (ABC 2.1, 2.2.3)."""

_KNOWN = (  # ABC 2.1, 4.14, and those that abcm2ps and abc2midi add; capitals do not matter
    r"(?i:trill[()]?|(?:lower|upper)?mordent|pralltriller|roll|(?:inverted)?turnx?|arpeggio|accent"
    r"|emphasis|(?:inverted)?fermata|tenuto|plus|snap|slide|wedge|(?:up|down)bow|open|thumb|breath"
    r"|staccato|marcato|editorial|courtesy|cross|ped(?:-up|[()])?|(?:8v[ab]|15m[ab]|~|-)[()]"
    r"|(?:short|medium|long)phrase|segno|(?:da)?coda|dacapo|fine|m\.[dg]\."
    r"|d\.[ ]?[cs]\.?(?:[ ]?al[ a-z]+)?"
    r"|(?:cresc|crescendo|dim|diminuendo|[<>])[()]|[<>^+]|/{1,4}|[0-5]|p{1,4}|mp|mf|f{1,4}|[sr]?fz?p?)"
)
_NOTES = "A-Ga-gxyzZX0-9,'^_=/<>()\"{}.~\\-"
DECORATION = (
    rf"(?:!{_KNOWN}!|\+{_KNOWN}\+"
    rf"|!(?![{_NOTES}]*!)[^!\s|\[\]]+!|\+(?![{_NOTES}]*\+)[^+\s|]+\+)"
)
"""A ``!decoration!`` or ``+decoration+``: of a known name, or of one that cannot be notes.

``!GABc!`` is none but notes between two line ends of ABC 1, ``+CEG+`` its way to write a chord.
"""
UNCLEAR = re.compile(rf"(?!.{_KNOWN}.$)[!+](?=.*[A-Ga-g])[{_NOTES}HLMOPSTuvJKRUVk]+[!+]")
"""A decoration of no known name that would be notes with ornaments, too."""

TOKEN = re.compile(
    rf"""{_NOTE}
    |(?P<skip>[ \t`$)*;?@\#]+|\((?![0-9&])|"[^"]*"|y[0-9]*/*[0-9]*|\\[ \t]*$|=(?:20)?[ \t]*$)
    |(?P<bar>\.?
      (?P<sign>\|:\|(?!:)|\](?=[ \t\\]*$)|:*(?:\[\|\]?|\|+\]?)(?::{{1,9}}(?!:{{0,9}}\|))?|::+)
      (?:\[?(?P<passes>[0-9][0-9,.\-]*))?)
    |(?P<broken>[<>]+)
    |(?P<rest>[zx](?P<rest_length>{_LENGTH}))
    |(?P<tuplet>\((?P<p>[0-9]+)(?::(?P<q>[0-9]*))?(?::(?P<r>[0-9]*))?)
    |(?P<grace>\{{[^}}]*\}})
    |(?P<inline>\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\])
    |(?P<ending>\[(?P<ending_passes>[0-9][0-9,.\-]*))
    |(?P<chord>\[(?P<members>(?:[^\]\["|]|"[^"]*")*)\](?P<chord_length>{_LENGTH})(?P<chord_tie>-?))
    |(?P<named>{DECORATION})|(?P<line_end>!)|(?P<old_chord>\+(?P<old_members>[^+\s|]+)\+)
    |(?P<ornament>[.~H-WYh-w])
    |(?P<bars_rest>[ZX](?P<count>[0-9]*))
    |(?P<late_tie>-)
    |(?P<colon>:(?![\]:|]))|(?P<overlay>\(?&+\)?)""",
    re.VERBOSE,
)
MEMBER = re.compile(
    rf"""{_NOTE}|(?P<skip>[ \t.~H-Wh-w()]|"[^"]*"|{DECORATION}|\{{[^}}]*\}})""", re.VERBOSE
)
GRACE_NOTE = re.compile(rf"({_ACCIDENTAL})([A-Ga-g])([,']*)")
