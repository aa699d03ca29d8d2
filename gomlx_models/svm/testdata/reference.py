"""Writes reference.json: decision values of scikit-learn's machines (libsvm) on the first ten rows.

usage: python reference.py DATA > reference.json    (DATA holds predict/)
"""
import json, sys
import numpy as np, pandas as pd, sklearn
from sklearn.svm import SVC, SVR
root = sys.argv[1] + '/predict/'
S = lambda x: ((x - x.mean(0)) / x.std(0))
out = dict(made_with=dict(python=sys.version.split()[0], sklearn=sklearn.__version__))
d = pd.read_csv(root + 'breast_cancer_wdbc/breast_cancer.csv'); X, y = S(d.drop(columns='target').to_numpy()), d.target.to_numpy()
one = lambda **k: SVC(tol=1e-9, **k).fit(X, y).decision_function(X[:10]).tolist()
out['wdbc'] = dict(radial=one(), linear=one(kernel='linear', C=.1), polynomial=one(kernel='poly', coef0=1, C=.5), weighted=one(class_weight={0: 5, 1: .5}))
d = pd.read_csv(root + 'diabetes_lars/diabetes.csv'); X, y = S(d.drop(columns='target').to_numpy()), d.target.to_numpy()
one = lambda **k: SVR(tol=1e-9, **k).fit(X, y).predict(X[:10]).tolist()
out['diabetes'] = dict(radial=one(C=100, epsilon=5), linear=one(kernel='linear', C=10))
d = pd.read_csv(root + 'surv_gbsg2/gbsg2.csv'); X, y = S(d[['age', 'pnodes', 'progrec', 'estrec', 'tsize']].to_numpy()), d.tgrade.map({'I': 0, 'II': 1, 'III': 2}).to_numpy()
out['grades'] = SVC(tol=1e-9, decision_function_shape='ovo').fit(X, y).decision_function(X[:10]).tolist()
json.dump(out, sys.stdout, indent=1)
