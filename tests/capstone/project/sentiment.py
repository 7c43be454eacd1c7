"""The model as MLflow serves it: a column of texts in; of each the sentiment, how likely it is
positive, and the run that made the model that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bert
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Sentiment(PythonModel):
    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["bert"])
        self.model, self.pieces = bert.load(folder)
        self.run = (folder / "run_id").read_text()

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        likely = bert.positive(self.model, self.pieces, model_input["text"].tolist())
        return pd.DataFrame(
            {
                "sentiment": [bert.LABELS[one >= 0.5] for one in likely],
                "positive": likely,
                "run": self.run,
            }
        )


set_model(Sentiment())
