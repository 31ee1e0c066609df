"""Standard MIDI files to scores, and notes to MIDI files; see README.md."""
