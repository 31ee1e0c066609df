"""Draws samples: ``python -m stages.generate INTERIM TOKENS MODEL SAMPLES METRICS``."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tonerow import generation, params, reports, runtime, schema
from tonerow.checkpoint import load_model
from tonerow.rendering.midi import write_midi
from tonerow.tokens.tokenizer import Tokenizer

TEMPO_BPM = 120.0  # of pieces that state none


def main() -> None:
    """Recolours held-out rhythms and writes each sample, and its source, as MIDI."""
    interim, tokens, model_path, out, metrics = (Path(argument) for argument in sys.argv[1:6])
    settings = params.load()
    device = runtime.prepare(settings.train.device, settings.train.threads, settings.seed)
    tokenizer = Tokenizer.from_json((tokens / "tokenizer.json").read_text("utf-8")).fingerprint()
    model, _ = load_model(model_path, device, tokenizer)
    lines = generation.choose_rhythms(tokens, settings.generate, settings.seed)
    batch = generation.rhythm_batch(lines, device)
    pitch = generation.recolour(model, batch, settings.generate, settings.seed)
    samples = generation.to_notes(lines, pitch)
    pieces = pq.read_table(interim / "pieces.parquet", columns=["piece_id", "tempo_bpm"])
    tempo = pieces.to_pandas().set_index("piece_id")["tempo_bpm"].fillna(TEMPO_BPM)
    for i, notes in samples.groupby("sample"):
        bpm = settings.generate.tempo_bpm or tempo[notes["source_piece_id"].iloc[0]]
        write_midi(out / f"sample-{i:02d}.mid", notes, bpm)
        source = notes.assign(pitch=notes["source_pitch"])
        write_midi(out / f"sample-{i:02d}-source.mid", source, bpm)
    table = pa.Table.from_pandas(samples, schema.SAMPLES, preserve_index=False)
    pq.write_table(table, out / "samples.parquet")
    reports.write_json(metrics, generation.describe(samples))


if __name__ == "__main__":
    main()
