"""Train and compare sequence models on MIDI and ABC, reproducibly."""
