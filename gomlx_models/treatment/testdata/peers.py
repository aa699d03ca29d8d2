"""Makes peers.csv, the reference values of reference_test.go.

Python 3.11, econml 0.17.0, statsmodels 0.15.0.

800 patients whose columns, arms and outcomes are in the file, and what the peers
say of each: the causal forest's effect and standard error (by grf's criterion, on
raw w and y, so that both forests solve the same problem), and the effect of a
linear dr-learner. The last line of output is statsmodels' doubly robust mean
effect and standard error.
"""
import csv

import econml
import numpy as np
import statsmodels
import statsmodels.api as sm
from econml.dr import LinearDRLearner
from econml.grf import CausalForest
from sklearn.linear_model import LinearRegression, LogisticRegression
from statsmodels.treatment.treatment_effects import TreatmentEffect

r = np.random.default_rng(1)
n = 800
x = np.round(r.normal(size=(n, 4)), 3)
w = (r.random(n) < 1 / (1 + np.exp(-0.7 * x[:, 1]))).astype(int)
y = np.round(x[:, 1] + w * (1 + 1.5 * x[:, 0]) + r.normal(size=n), 3)

forest = CausalForest(n_estimators=2000, criterion="het", random_state=1, n_jobs=2).fit(x, w.astype(float), y)
effect, low, high = forest.predict(x, interval=True, alpha=0.05)
stderr = (high - low).ravel() / 2 / 1.959964

dr = LinearDRLearner(model_regression=LinearRegression(), model_propensity=LogisticRegression(C=1e6), cv=5, random_state=1)
dr.fit(y, w, X=x)

with open("peers.csv", "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["x0", "x1", "x2", "x3", "w", "y", "forest", "forest_stderr", "dr"])
    for i in range(n):
        out.writerow([*x[i], w[i], y[i], *(round(float(v), 4) for v in (effect.ravel()[i], stderr[i], dr.effect(x[i : i + 1])[0]))])

te = TreatmentEffect(sm.OLS(y, sm.add_constant(x)), w, results_select=sm.Logit(w, sm.add_constant(x)).fit(disp=0))
ate = te.aipw()
print("econml", econml.__version__, "statsmodels", statsmodels.__version__)
print("aipw", float(np.ravel(ate.effect)[0]), float(np.ravel(ate.results_gmm.bse)[0]) if hasattr(ate, "results_gmm") else "")
