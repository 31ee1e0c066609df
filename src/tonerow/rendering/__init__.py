"""Notes to something to play or to look at."""
