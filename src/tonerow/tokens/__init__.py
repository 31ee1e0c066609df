"""Note table and ABC text to what models read, and back; everything is fitted on train only.

`tokenizer` holds the fitted `Tokenizer` and needs no scikit-learn, so that it loads fast where only
decoding is asked for; `fitting` makes one; `corpus` runs both over files, in bounded memory.
"""
