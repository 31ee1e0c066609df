"""MIDI files made byte by byte."""

import struct

END = b"\x00\xff\x2f\x00"
Event = tuple[int, bytes]


def number(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, 0x80 | value & 0x7F)
    return bytes(out)


def on(pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def program(value: int, channel: int = 0) -> bytes:
    return bytes([0xC0 | channel, value])


def meta(kind: int, payload: bytes) -> bytes:
    return bytes([0xFF, kind]) + number(len(payload)) + payload


def tempo(microseconds: int) -> bytes:
    return meta(0x51, microseconds.to_bytes(3, "big"))


def body(events: list[Event]) -> bytes:
    return b"".join(number(delta) + event for delta, event in events) + END


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack(">I", len(data)) + data


def midi(*tracks: list[Event], kind: int = 1, division: int = 480) -> bytes:
    header = chunk(b"MThd", struct.pack(">HHH", kind, len(tracks), division))
    return header + b"".join(chunk(b"MTrk", body(events)) for events in tracks)


NOTE: list[Event] = [(0, on(60)), (480, off(60))]
