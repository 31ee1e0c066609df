"""Draws samples: ``python -m stages.generate INTERIM TOKENS MODEL SAMPLES METRICS``."""

import sys
from pathlib import Path

from stages import run
from tonerow import params, reports
from tonerow.generation import GenerationError, Request, generate
from tonerow.generation.writing import described, write_samples
from tonerow.model_files import ModelFileError, open_model


def main() -> None:
    """Writes each sample as MIDI (and ABC), all of them as a table, and what can be counted."""
    interim, tokens, model_file, out, metrics = (Path(argument) for argument in sys.argv[1:6])
    settings = params.load()
    opened = open_model(settings, tokens, settings.generate.seed, model_file)
    request = Request(opened.model, tokens, opened.tokenizer, settings.generate, interim)
    samples = generate(request)
    about = described(settings.model, settings.size, opened.model, settings.generate)
    about["corpus"] = settings.corpus
    write_samples(out, samples, interim, about, settings.generate.tempo_bpm)
    reports.write_json(metrics, samples.metrics)
    print(reports.line(samples.metrics))


if __name__ == "__main__":
    run(main, params.ParamsError, ModelFileError, GenerationError)
