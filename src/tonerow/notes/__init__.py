"""What a note is: the tables, the scores that readers hand over, and the melody line."""
