"""The model as MLflow loads it ("models from code"): a run keeps this file beside the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Composer(PythonModel):
    """Answers with what `tonerow.serving.answers` draws from the run's model file."""

    def load_context(self, context: PythonModelContext) -> None:
        """Opens the model file; who logs a model needs nothing of what this loads."""
        from tonerow.serving import answers  # noqa: PLC0415

        file = Path(context.artifacts["model"])
        self.answers = answers.Answers(file, context.model_config)

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """See `Answers.to`.

        Raises:
            MlflowException: what is asked for makes no sense; a server answers it with 400.
        """
        from tonerow.generation import GenerationError  # noqa: PLC0415

        try:
            return self.answers.to(model_input, params or {})
        except (GenerationError, ValueError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


set_model(Composer())
