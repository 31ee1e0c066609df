"""Draws samples: ``python -m stages.generate INTERIM TOKENS MODEL SAMPLES METRICS``."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tonerow import params, reports, runtime
from tonerow.generation import GENERATORS, Request
from tonerow.listening.roll import draw_rolls
from tonerow.midi.writing import write_samples
from tonerow.notes import schema
from tonerow.tokens.tokenizer import Tokenizer
from tonerow.training.checkpoint import CheckpointError, load_model


def main() -> None:
    """Writes each sample as MIDI (and ABC), all of them as a table, and what can be counted."""
    interim, tokens, model_path, out, metrics = (Path(argument) for argument in sys.argv[1:6])
    settings = params.load()
    device = runtime.prepare(settings.train.device, settings.train.threads, settings.seed)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8"))
    model, _ = load_model(model_path, device, tokenizer.fingerprint())
    request = Request(model, tokens, tokenizer, settings.generate, settings.seed)
    samples = GENERATORS[model.view](request)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in samples.texts.items():
        (out / name).write_text(text, encoding="utf-8")
    pieces = pq.read_table(interim / "pieces.parquet", columns=["piece_id", "tempo_bpm"])
    tempi = pieces.to_pandas().set_index("piece_id")["tempo_bpm"]
    write_samples(out, samples.notes, tempi, settings.generate.tempo_bpm)
    draw_rolls(out / "samples.png", samples.notes)
    table = pa.Table.from_pandas(samples.notes, schema.SAMPLES, preserve_index=False)
    pq.write_table(table, out / "samples.parquet")
    reports.write_json(metrics, samples.metrics)
    print(reports.line({k: v for k, v in samples.metrics.items() if not isinstance(v, dict)}))


if __name__ == "__main__":
    try:
        main()
    except (params.ParamsError, CheckpointError) as error:
        sys.exit(str(error))
