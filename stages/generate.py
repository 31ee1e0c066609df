"""Draws samples: ``python -m stages.generate INTERIM TOKENS MODEL SAMPLES METRICS TABLE SHARES``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.generation import GenerationError, Request, generate
from tonerow.generation.comparison import added, compare, histogram_rows, table
from tonerow.generation.picture import draw
from tonerow.generation.starts import start_of
from tonerow.generation.unused import unused
from tonerow.generation.writing import Beside, described, write_samples
from tonerow.model_files import ModelFileError, open_model


def main() -> None:
    """Writes each sample as MIDI (and ABC), all of them as a table, and what can be counted."""
    interim, tokens, model_file, out, *reported = (Path(argument) for argument in sys.argv[1:8])
    settings = params.load()
    opened = open_model(settings, tokens, settings.generate.seed, model_file)
    source = settings.generate.source
    start = None if source == params.HELD_OUT else start_of(Path(source))
    request = Request(opened.model, tokens, opened.tokenizer, settings.generate, interim, start)
    for sentence in unused(opened.model.view, settings.generate):
        print(sentence)
    samples = generate(request)
    found = compare(request, samples)
    metrics = added(samples.metrics, found)
    picture = draw(out / "descriptors.png", found)
    chosen = settings.model, settings.size, settings.corpus
    about = described(*chosen, opened.model, settings.generate)
    rows = table(metrics)
    write_samples(out, samples, request, about, Beside(picture, rows))
    reports.write_json(reported[0], metrics)
    reports.write_csv(reported[1], rows)
    reports.write_csv(reported[2], histogram_rows(found))
    print(reports.line(metrics))


if __name__ == "__main__":
    run(main, params.ParamsError, ModelFileError, GenerationError)
