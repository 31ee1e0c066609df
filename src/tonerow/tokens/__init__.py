"""Note table and ABC text to what models read, and back; everything is fitted on train only.

`tokenizer` holds the fitted `Tokenizer` and `characters` the ids of text: all that decoding needs,
fast to load, with no reader of notation behind it. `encoding` turns notes into columns, `reduction`
strips ABC to the tune, `fitting` makes a `Tokenizer`, and `corpus` runs them over files, in bounded
memory.
"""
