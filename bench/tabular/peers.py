"""The peers of bench/tabular, and the data that all programs read.

    peers.py make ROWS
    peers.py scikit-learn|scikit-survival|lifelines TASK ROWS HELD TREES METABRIC

The last line printed is a JSON object: the peer's version, milliseconds to fit and
to predict, and the score on the rows held out. own.go does the same with ours.
"""
import json
import os
import sys
import time

import numpy as np

COLUMNS = 50
CORES = len(os.sched_getaffinity(0))


def make(rows):
    from sklearn.datasets import make_classification, make_regression

    for name, (x, y) in {
        "classes": make_classification(rows, COLUMNS, n_informative=20, n_redundant=10, flip_y=0.02, random_state=0),
        "numbers": make_regression(rows, COLUMNS, n_informative=20, noise=10, random_state=0),
    }.items():
        x.astype("<f8").tofile(name + ".x")
        y.astype("<f8").tofile(name + ".y")


def generated(name, rows, held):
    """Reads the first rows and those held out, which are the last, and no others."""

    def read(suffix, width):
        path = name + suffix
        first = np.fromfile(path, "<f8", rows * width)
        last = np.fromfile(path, "<f8", offset=os.path.getsize(path) - 8 * held * width)
        return first, last

    x, x_held = read(".x", COLUMNS)
    y, y_held = read(".y", 1)
    return x.reshape(-1, COLUMNS), y, x_held.reshape(-1, COLUMNS), y_held


def measure(fit, predict, judge):
    begin = time.perf_counter()
    model = fit()
    fitted = time.perf_counter()
    answers = predict(model)
    done = time.perf_counter()
    return {"fit": 1000 * (fitted - begin), "predict": 1000 * (done - fitted), "score": float(judge(answers))}


def scikit_learn(task, rows, held, trees, _):
    import sklearn

    numbers = task in ("forest_numbers", "tree_numbers", "linear")
    x, y, x_held, y_held = generated("numbers" if numbers else "classes", rows, held)
    if task in ("forest", "forest_numbers", "extra"):
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

        kind = {"forest": RandomForestClassifier, "forest_numbers": RandomForestRegressor, "extra": ExtraTreesClassifier}[task]
        model = kind(trees, n_jobs=CORES, random_state=0)
    elif task == "boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=trees, learning_rate=0.1, max_depth=3, max_leaf_nodes=None, min_samples_leaf=1, early_stopping=False, random_state=0)
    elif task in ("tree", "tree_numbers"):
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        model = (DecisionTreeRegressor if numbers else DecisionTreeClassifier)(random_state=0)
    elif task == "linear":
        from sklearn.linear_model import LinearRegression

        model = LinearRegression()
    elif task == "logistic":
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=200)
    else:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        model = make_pipeline(StandardScaler(), SVC())
    if numbers:
        judge = lambda p: 1 - np.sum((y_held - p) ** 2) / np.sum((y_held - y_held.mean()) ** 2)
    else:
        judge = lambda p: np.mean(p == y_held)
    return {"version": sklearn.__version__} | measure(lambda: model.fit(x, y), lambda m: m.predict(x_held), judge)


def patients(path):
    import pandas as pd

    frame = pd.read_csv(path)
    parts = [frame[frame.split == name].drop(columns="split") for name in ("train", "test")]
    return parts


def scikit_survival(task, _rows, _held, trees, metabric):
    import sksurv
    from sksurv.metrics import concordance_index_censored
    from sksurv.util import Surv

    train, test = patients(metabric)
    outcome = lambda part: Surv.from_arrays(part.event.astype(bool), part.time.astype(float))
    features = lambda part: part.drop(columns=["time", "event"]).astype(float)
    y, y_held, x, x_held = outcome(train), outcome(test), features(train), features(test)
    if task == "cox":
        from sksurv.linear_model import CoxPHSurvivalAnalysis

        model = CoxPHSurvivalAnalysis(ties="efron")
    else:
        from sksurv.ensemble import RandomSurvivalForest

        model = RandomSurvivalForest(trees, min_samples_leaf=15, n_jobs=CORES, random_state=0)
    # Risks and curves, which is what our answers hold.
    predict = lambda m: (m.predict(x_held), m.predict_survival_function(x_held, return_array=True))
    judge = lambda answers: concordance_index_censored(y_held["event"], y_held["time"], answers[0])[0]
    return {"version": sksurv.__version__} | measure(lambda: model.fit(x, y), predict, judge)


def lifelines(_task, _rows, _held, _trees, metabric):
    import lifelines
    from lifelines.utils import concordance_index

    train, test = patients(metabric)
    return {"version": lifelines.__version__} | measure(
        lambda: lifelines.CoxPHFitter().fit(train, "time", "event"),
        lambda m: (m.predict_partial_hazard(test), m.predict_survival_function(test)),
        lambda answers: concordance_index(test.time, -answers[0], test.event))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]))
    else:
        peer = {"scikit-learn": scikit_learn, "scikit-survival": scikit_survival, "lifelines": lifelines}[sys.argv[1]]
        task, rows, held, trees, metabric = sys.argv[2:]
        print(json.dumps(peer(task, int(rows), int(held), int(trees), metabric)))
