"""Raw MIDI and ABC files to the piece table and the note table."""
