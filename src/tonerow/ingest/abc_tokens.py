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
TOKEN = re.compile(
    rf"""{_NOTE}
    |(?P<skip>[ \t`$)*;?@\#]+|\((?![0-9])|"[^"]*"|y[0-9]*/*[0-9]*|\\[ \t]*$|=(?:20)?[ \t]*$)
    |(?P<bar>\.?(?P<sign>:*(?:\[\|\]?|\|+\]?)(?::{{1,9}}(?!:{{0,9}}\|))?|::+)(?:\[?(?P<passes>[0-9][0-9,.\-]*))?)
    |(?P<broken>[<>]+)
    |(?P<rest>[zx](?P<rest_length>{_LENGTH}))
    |(?P<tuplet>\((?P<p>[0-9]+)(?::(?P<q>[0-9]*))?(?::(?P<r>[0-9]*))?)
    |(?P<grace>\{{[^}}]*\}})
    |(?P<inline>\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\])
    |(?P<ending>\[(?P<ending_passes>[0-9][0-9,.\-]*))
    |(?P<chord>\[(?P<members>(?:[^\]\["|]|"[^"]*")*)\](?P<chord_length>{_LENGTH})(?P<chord_tie>-?))
    |(?P<named>!(?:[^!\s|\[\]]*!)?|\+[^+\s|]*\+)
    |(?P<ornament>[.~H-WYh-w])
    |(?P<bars_rest>[ZX](?P<count>[0-9]*))
    |(?P<late_tie>-)
    |(?P<colon>:(?![\]:|]))""",
    re.VERBOSE,
)
MEMBER = re.compile(
    rf"""{_NOTE}|(?P<skip>[ \t.~H-Wh-w()]|"[^"]*"|![^!\s]*!|\{{[^}}]*\}})""", re.VERBOSE
)
GRACE_NOTE = re.compile(rf"({_ACCIDENTAL})([A-Ga-g])([,']*)")
OLD_CHORD = re.compile(rf"\+((?:(?:{_ACCIDENTAL})?[A-Ga-g][,']*{_LENGTH}){{2,}})\+")
