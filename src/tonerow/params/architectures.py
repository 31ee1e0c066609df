"""The settings of each architecture: the class `LstmFull` is that of ``models.lstm_full``.

A class that is added here is found by its name, and `tonerow.models` is not imported: a typo in
``params.yaml`` shows before torch has loaded.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from tonerow.params.section import NonNegativeInt, OpenFraction, PositiveFloat, Section
from tonerow.params.training import Training


class Architecture(Section):
    """What the settings of every architecture hold; its own are added by a subclass."""

    networks: PositiveInt
    """networks that are trained beside each other, with other first weights each; the model answers
    with the mean of their probabilities; 1 is one network alone"""

    training: Training
    """how the model is trained"""


class _Informed(Architecture):
    """What any model of pitches may be told beyond its write-up."""

    copy_size: NonNegativeInt
    """size of the queries and keys with which the model copies from earlier in the piece; 0 is no
    copying"""

    copy_matches: Annotated[int, Field(ge=1, le=64)]
    """notes up to which the copying is told how far two places agree, 1-64; without meaning if it
    does not copy"""

    place_size: NonNegativeInt
    """size of the embeddings of a note's place in bars of three and of four beats and in phrases of
    eight of them; 0 is none"""

    relative_size: NonNegativeInt
    """size of the embeddings of the previous interval and of the degree of the previous pitch, with
    which the model is told the pitch classes so far and predicts intervals and degrees beside
    pitches; 0 is none of this"""

    ngram_length: Annotated[int, Field(ge=0, le=16)]
    """notes in the longest context of the n-grams of train that are experts inside the model, 1-16; 0
    is none"""

    @model_validator(mode="after")
    def _counts_what_it_learns_from(self) -> Self:
        own = self.training
        if self.ngram_length and (own.transpose or own.predict == "last"):
            raise ValueError(
                f"ngram_length is {self.ngram_length} with training.transpose {own.transpose} and "
                f"training.predict {own.predict}; n-grams need 0 and all: they count pitches as they "
                "are, and know nothing of a window's last note"
            )
        return self


class _Melody(_Informed):
    """What any model of melodies has."""

    pitch_embedding: PositiveInt
    """size of the embedding of the previous pitch"""

    pitch_dropout: OpenFraction
    """share of the previous pitches that are hidden from this embedding in training, 0 or more and
    below 1"""


class RnnVanilla(_Melody):
    """Decoder-only tanh RNN over [rhythm; previous pitch]."""

    hidden_size: PositiveInt
    """units of each RNN layer"""

    layers: PositiveInt
    """RNN layers, one on top of the other"""

    initial_weights: Literal["default", "xavier"]
    """of the Linear layers: default (PyTorch's own) or xavier (uniform after Glorot, bias 0)"""


class LstmLocal(_Melody):
    """BiLSTM rhythm encoder; the decoder sees the encoder's output at its own note."""

    hidden_size: PositiveInt
    """units of the decoder"""

    dropout: OpenFraction
    """share of the decoder's input that is dropped in training, 0 or more and below 1"""

    encoder_size: NonNegativeInt
    """units of the encoder in each direction; 0 is as many as hidden_size"""

    output_dropout: OpenFraction
    """share of the decoder's output that is dropped in training, 0 or more and below 1"""


class LstmFull(_Melody):
    """BiLSTM rhythm encoder; the decoder attends to all encoder outputs."""

    hidden_size: Annotated[int, Field(gt=0, multiple_of=2)]
    """units of the decoder, even"""

    dropout: OpenFraction
    """share of the decoder's input that is dropped in training, 0 or more and below 1"""

    encoder_size: NonNegativeInt
    """units of the encoder in each direction; 0 is half as many as hidden_size"""

    output_dropout: OpenFraction
    """share of the decoder's output that is dropped in training, 0 or more and below 1"""


class Transformer(_Melody):
    """Decoder-only transformer with relative positions, over [rhythm; previous pitch]."""

    hidden_size: PositiveInt
    """size of a note in each layer, a multiple of heads"""

    layers: PositiveInt
    """layers of attention, one on top of the other"""

    heads: PositiveInt
    """of the attention"""

    dropout: OpenFraction
    """share of what each layer adds that is dropped in training, 0 or more and below 1"""

    @model_validator(mode="after")
    def _splits_into_heads(self) -> Transformer:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size is {self.hidden_size}, which is no multiple of heads, {self.heads}"
            )
        return self


class _Continuous(Architecture):
    """Settings of an architecture that predicts times or velocities as real values."""

    density: Literal["squared_error", "gaussian", "mixture"]
    """of a value that is predicted as a number: squared_error (one number, its spread measured in
    training), gaussian (a number and its spread) or mixture (several such, weighted)"""

    components: PositiveInt
    """Gaussians in a mixture; without meaning for another density"""


class _Weights(Section):
    """By what the losses of the fields that are predicted are multiplied."""

    pitch: PositiveFloat
    """of the pitch, above 0; 1 is as it is"""

    offset: PositiveFloat
    """of the offset, above 0; 1 is as it is"""

    duration: PositiveFloat
    """of the duration, above 0; 1 is as it is"""


class _VelocityWeights(_Weights):
    """The same, and of velocities."""

    velocity: PositiveFloat
    """of the velocity, above 0; 1 is as it is"""


class _InstrumentWeights(_Weights):
    """The same, and of instruments."""

    instrument: PositiveFloat
    """of the instrument, above 0; 1 is as it is"""


class _AllWeights(_VelocityWeights, _InstrumentWeights):
    """Of all fields that a note has."""


class LstmWindow(_Continuous):
    """A window of notes predicts pitch and (step, duration, velocity) of the next."""

    loss_weights: _VelocityWeights
    """share of each head in the loss"""

    pitch_embedding: PositiveInt
    """size of the embedding of a pitch"""

    hidden_size: PositiveInt
    """units of each LSTM layer"""

    layers: PositiveInt
    """LSTM layers, one on top of the other"""

    embedding_dropout: OpenFraction
    """share of the embedded pitch that is dropped in training, 0 or more and below 1"""

    dropout: OpenFraction
    """share that is dropped between LSTM layers in training, 0 or more and below 1"""

    window: PositiveInt
    """notes that the model looks back; the same number as training.window"""

    @model_validator(mode="after")
    def _trains_on_what_it_sees(self) -> LstmWindow:
        if self.window != self.training.window:
            raise ValueError(
                f"window is {self.window} and training.window {self.training.window}; "
                "they must be equal"
            )
        return self


class RnnHeads(_Continuous, _Informed):
    """One RNN over events of any length, one head for each field."""

    loss_weights: _AllWeights
    """share of each head in the loss"""

    predicts: list[Literal["pitch", "duration", "offset", "velocity", "instrument"]]
    """fields of an event, read and predicted: pitch, and any of the others, each once"""

    cell: Literal["rnn", "lstm", "gru"]
    """kind of the recurrent layers: rnn (tanh), lstm or gru"""

    embedding: NonNegativeInt
    """size of the embeddings of pitch and instrument; 0: each is read as one number"""

    hidden_size: PositiveInt
    """units of each recurrent layer"""

    layers: PositiveInt
    """recurrent layers, one on top of the other"""

    dropout: OpenFraction
    """share that is dropped between layers in training, 0 or more and below 1; one layer has
    none"""

    output_dropout: OpenFraction
    """share of the last layer's output that is dropped in training, 0 or more and below 1"""

    @model_validator(mode="after")
    def _predicts_pitches(self) -> RnnHeads:
        if "pitch" not in self.predicts or len(set(self.predicts)) < len(self.predicts):
            raise ValueError(
                f"predicts is {self.predicts}; it must hold pitch, and each field once"
            )
        return self


class LstmFields(_Continuous, _Informed):
    """Four fields, each with its own embedding and LSTM, joined by a large one."""

    loss_weights: _InstrumentWeights
    """share of each head in the loss"""

    embedding: PositiveInt
    """size of each field's embedding"""

    field_size: PositiveInt
    """units of each field's own LSTM"""

    hidden_size: PositiveInt
    """units of the LSTM that joins the fields"""

    dropout: OpenFraction
    """share of the joined LSTM's input and output that is dropped in training, 0 or more and below
    1"""

    time_head: Literal["classify", "regress", "poisson"]
    """what offset and duration are predicted as: classify (one of the grid's values), regress (a
    number, with density) or poisson (a count of grid ticks)"""


class LstmChar(Architecture):
    """Characters of ABC notation."""

    embedding: PositiveInt
    """size of the embedding of a character"""

    hidden_size: PositiveInt
    """units of each LSTM layer"""

    layers: PositiveInt
    """LSTM layers, one on top of the other"""

    dropout: OpenFraction
    """share of the output of each LSTM layer that is dropped in training, 0 or more and below 1"""

    copy_matches: Annotated[int, Field(ge=0, le=64)]
    """characters up to which the copying from earlier in the tune is told how far two places agree,
    0-64; 0 is no copying"""

    @model_validator(mode="after")
    def _has_no_pitches(self) -> LstmChar:
        if self.training.transpose:
            raise ValueError("training.transpose must be 0: characters cannot be transposed")
        return self
