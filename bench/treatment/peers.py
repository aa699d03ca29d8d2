"""The peer of bench/treatment: peers.py TASK ROWS TREES, in the folder of the data.

The last line printed is a JSON object: the peer's version, milliseconds to fit and
to predict (with intervals where it has them), the error of the effect for the
patients held out and the share of intervals that hold it. own.go does the same
with ours.
"""
import json
import os
import sys
import time

import econml
import numpy as np

COLUMNS = 25
CORES = len(os.sched_getaffinity(0))


def main(task, rows, trees):
    cells = np.fromfile("patients.bin", "<f8").reshape(-1, COLUMNS + 5)
    x, (w, y, effect, chance, expected) = cells[:, :COLUMNS], cells[:, COLUMNS:].T
    train, test = slice(0, rows), slice(rows, 2 * rows)
    forest = dict(n_estimators=trees, criterion="het", max_samples=0.45, min_samples_leaf=5, random_state=1, n_jobs=CORES)
    if task == "forest":
        from econml.grf import CausalForest

        model = CausalForest(**forest)
        fit = lambda: model.fit(x[train], (w - chance)[train], (y - expected)[train])
        predict = lambda: model.predict(x[test], interval=True, alpha=0.05)
    elif task == "forest_dml":
        from econml.dml import CausalForestDML
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        nuisance = dict(n_estimators=100, min_samples_leaf=10, random_state=1, n_jobs=CORES)
        model = CausalForestDML(model_y=RandomForestRegressor(**nuisance), model_t=RandomForestClassifier(**nuisance),
                                discrete_treatment=True, cv=5, **forest)
        fit = lambda: model.fit(y[train], w[train], X=x[train])
        predict = lambda: (model.effect(x[test]), *model.effect_interval(x[test], alpha=0.05))
    else:
        from econml.dr import DRLearner
        from sklearn.ensemble import GradientBoostingRegressor
        from sklearn.linear_model import LogisticRegression

        boosting = lambda: GradientBoostingRegressor(random_state=1)
        model = DRLearner(model_propensity=LogisticRegression(C=1e6), model_regression=boosting(), model_final=boosting(), cv=5, random_state=1)
        fit = lambda: model.fit(y[train], w[train], X=x[train])
        predict = lambda: (model.effect(x[test]), None, None)
    begin = time.perf_counter()
    fit()
    fitted = time.perf_counter()
    value, low, high = predict()
    done = time.perf_counter()
    truth = effect[test]
    figures = {
        "version": econml.__version__,
        "fit": 1000 * (fitted - begin),
        "predict": 1000 * (done - fitted),
        "pehe": float(np.sqrt(np.mean((np.ravel(value) - truth) ** 2))),
    }
    if low is not None:
        figures["covered"] = float(np.mean((np.ravel(low) <= truth) & (truth <= np.ravel(high))))
    print(json.dumps(figures))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
