"""A search for better settings of the selected model: ``python -m tonerow.search [SPACE]``.

Optuna asks, `dvc exp run --temp` trains up to the stage ``train``, the nats on val are the answer. The
test notes are never scored: whoever chooses by them has none left.

- `space`: what is tried, a file checked like ``params.yaml``
- `study`: asks and tells; goes on where it was interrupted
- `trial`: one training by DVC
"""
