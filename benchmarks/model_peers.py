"""One peer on one table: trained, asked for the test rows, and what it said put into a file. Runs in an interpreter of its own.

    python model_peers.py METHOD FOLDER TABLE SEED SECONDS OUT.npz

METHOD: dummy, linear, lightgbm (skrub's TableVectorizer and LightGBM as they come) or flaml.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from model_tables import TABLES, rows_of, truth


def said(method: str, train: Any, y: np.ndarray, test: Any, score: str, seed: int, seconds: float) -> np.ndarray:
    """Numbers, or the probability of the rarer class, for the test rows."""
    classes = score != "rmse"
    if method == "flaml":
        from flaml import AutoML  # type: ignore[import-not-found]  # a peer, in an interpreter of its own

        model = AutoML()
        wanted = {"auc": "roc_auc", "average_precision": "ap", "rmse": "rmse"}[score]
        model.fit(
            train.to_pandas(), y.astype(int) if classes else y, task="classification" if classes else "regression", metric=wanted, time_budget=seconds, n_jobs=1, seed=seed, verbose=0,
        )  # fmt: skip
    else:
        model = _pipeline(method, classes, seed)
        model.fit(train.to_pandas(), y)
    return np.asarray(model.predict_proba(test.to_pandas())[:, 1] if classes else model.predict(test.to_pandas()))


def _pipeline(method: str, classes: bool, seed: int) -> Any:
    from sklearn.pipeline import make_pipeline

    if method == "dummy":
        from sklearn.dummy import DummyClassifier, DummyRegressor

        return DummyClassifier(strategy="prior") if classes else DummyRegressor()
    from skrub import TableVectorizer  # type: ignore[import-not-found]  # a peer

    if method == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        return make_pipeline(TableVectorizer(), (LGBMClassifier if classes else LGBMRegressor)(n_jobs=1, random_state=seed, verbose=-1))
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(TableVectorizer(), SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000) if classes else Ridge())


def main() -> None:
    begin = time.time()
    method, folder, name, seed, seconds, out = sys.argv[1:]
    warnings.simplefilter("ignore")
    kind = TABLES[name]
    train, test, target = rows_of(Path(folder), name, int(seed), marks=("?", " ?"))
    y, held = truth(train, test, target, kind.score)
    spared = [target, *(column for column in kind.not_for_peers if column in train.columns)]
    found = said(method, train.drop(spared), y, test.drop(spared), kind.score, int(seed), float(seconds))
    np.savez(out, y=held, said=np.asarray(found, dtype=np.float64), wall=time.time() - begin, cpu=time.process_time())


if __name__ == "__main__":
    main()
