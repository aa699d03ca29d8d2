"""Writes reference.json: scikit-learn's trees and forests on the data sets of this project.

pip install scikit-learn==1.9.1 pandas==3.1.1 numpy==2.4.6; ASSAY_DATA=.../data python reference.py > reference.json
Row i is in fold i mod 5. Columns with more than 255 distinct values are left out where trees must be the same.
"""
import json, os
import numpy as np, pandas as pd, sklearn
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

def read(*path): return pd.read_csv(os.path.join(os.environ['ASSAY_DATA'], 'predict', *path))
diabetes, pima, wdbc = read('diabetes_lars', 'diabetes.csv'), read('pima_diabetes', 'pima_diabetes.csv'), read('breast_cancer_wdbc', 'breast_cancer.csv')
sets = dict(diabetes=(diabetes.drop(columns='target'), diabetes.target), pima=(pima.drop(columns='Outcome'), pima.Outcome), wdbc=(wdbc.drop(columns='target'), wdbc.target))

def folds(name, model, score, seeds):
    X, y = sets[name]; X, y, f = X.to_numpy(float), y.to_numpy(), np.arange(len(y)) % 5
    def one(m, k):
        m.fit(X[f != k], y[f != k])
        return score(y[f == k], m.predict_proba(X[f == k])[:, 1] if hasattr(m, 'predict_proba') else m.predict(X[f == k]))
    return float(np.mean([one(model(s), k) for s in range(seeds) for k in range(5)]))

few = lambda X: X[[c for c in X if X[c].nunique() <= 255]]
def shallow(name, m):
    X, y = sets[name]; X = few(X); m.fit(X, y)
    p = m.predict_proba(X)[:, 1] if hasattr(m, 'predict_proba') else m.predict(X)
    return dict(columns=list(X), leaves=int(m.get_n_leaves()), predictions=p.round(12).tolist())
def incomplete(m):  # zeros that mean missing, rows of weight 1, 2, 3, 1, …
    X, y = few(pima.drop(columns='Outcome')), pima.Outcome
    X = X.astype(float).where((X != 0) | ~X.columns.isin(['Glucose', 'BloodPressure', 'SkinThickness', 'Insulin', 'BMI']))
    m.fit(X, y, sample_weight=1 + np.arange(len(y)) % 3)
    return dict(columns=list(X), leaves=int(m.get_n_leaves()), predictions=m.predict_proba(X)[:, 1].round(12).tolist())
def path(name, m):
    X, y = sets[name]; r = m.cost_complexity_pruning_path(few(X), y)
    return dict(alphas=r.ccp_alphas.tolist(), leaves=[int(type(m)(**{**m.get_params(), 'ccp_alpha': a + 1e-12}).fit(few(X), y).get_n_leaves()) for a in r.ccp_alphas])
print(json.dumps(dict(versions=dict(sklearn=sklearn.__version__, numpy=np.__version__),
    regression=shallow('diabetes', DecisionTreeRegressor(max_depth=3, min_samples_leaf=5)),
    gini=shallow('pima', DecisionTreeClassifier(max_depth=4, min_samples_leaf=10)),
    entropy=shallow('pima', DecisionTreeClassifier(criterion='entropy', max_depth=4, min_samples_leaf=10)),
    incomplete=incomplete(DecisionTreeClassifier(max_depth=4, min_samples_leaf=10, random_state=0)),
    pruning=path('pima', DecisionTreeClassifier(max_depth=5, min_samples_leaf=10)),
    scores=dict(wdbc_forest_auc=folds('wdbc', lambda s: RandomForestClassifier(100, random_state=s), roc_auc_score, 3),
        wdbc_extra_auc=folds('wdbc', lambda s: ExtraTreesClassifier(100, random_state=s), roc_auc_score, 3),
        wdbc_boost_auc=folds('wdbc', lambda s: GradientBoostingClassifier(random_state=s), roc_auc_score, 1),
        pima_forest_auc=folds('pima', lambda s: RandomForestClassifier(100, min_samples_leaf=5, random_state=s), roc_auc_score, 3),
        diabetes_forest_r2=folds('diabetes', lambda s: RandomForestRegressor(100, min_samples_leaf=5, random_state=s), r2_score, 3),
        diabetes_boost_r2=folds('diabetes', lambda s: GradientBoostingRegressor(random_state=s), r2_score, 1)))))
