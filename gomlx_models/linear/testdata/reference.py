"""Writes reference.json: what statsmodels and scikit-learn say of the data sets.

usage: python reference.py DATA > reference.json    (DATA holds predict/)
"""
import json, sys, warnings
import numpy as np, pandas as pd, sklearn, statsmodels, statsmodels.api as sm
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
warnings.filterwarnings('ignore')
root = sys.argv[1] + '/predict/'
L = lambda a: np.asarray(a, float).tolist()
def table(r): return dict(value=L(r.params), stderr=L(r.bse), statistic=L(r.tvalues), p=L(r.pvalues), interval=L(r.conf_int()))
out = dict(made_with=dict(python=sys.version.split()[0], numpy=np.__version__, sklearn=sklearn.__version__, statsmodels=statsmodels.__version__))

d = pd.read_csv(root + 'diabetes_lars/diabetes.csv'); X, y = d.drop(columns='target').to_numpy(), d.target.to_numpy(); n = len(X)
r = sm.OLS(y, sm.add_constant(X)).fit(); pr = r.get_prediction(sm.add_constant(X)[:3])
out['ols'] = dict(table(r), r2=float(r.rsquared), sigma=float(np.sqrt(r.scale)), mean_se=L(pr.se_mean), obs_se=L(pr.se_obs))
w = 1 + np.arange(n) % 3
out['wls'] = table(sm.WLS(y, sm.add_constant(X), weights=w).fit())
out['origin'] = table(sm.OLS(y, X).fit())
Z = (X - X.mean(0)) / X.std(0)
fit = lambda m: (lambda m: dict(intercept=float(m.intercept_), coef=L(m.coef_)))(m.fit(Z, y))
out['ridge'] = fit(Ridge(alpha=50)); out['lasso'] = fit(Lasso(alpha=2, tol=1e-14, max_iter=10**6)); out['elastic_net'] = fit(ElasticNet(alpha=1, l1_ratio=.5, tol=1e-14, max_iter=10**6))

d = pd.read_csv(root + 'pima_diabetes/pima_diabetes.csv'); X, y = d.drop(columns='Outcome').to_numpy(), d.Outcome.to_numpy()
out['logit'] = table(sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-14))
Z = (X - X.mean(0)) / X.std(0)
fit = lambda m, X, y: (lambda m: dict(intercept=L(m.intercept_), coef=L(m.coef_)))(m.fit(X, y))
out['logit_l2'] = fit(LogisticRegression(C=.1, solver='newton-cholesky', tol=1e-12), Z, y)
out['logit_l1'] = fit(LogisticRegression(C=.02, l1_ratio=1, solver='saga', tol=1e-14, max_iter=10**6, random_state=0), Z, y)

d = pd.read_csv(root + 'surv_gbsg2/gbsg2.csv'); X, y = d[['age', 'pnodes', 'progrec', 'estrec', 'tsize']].to_numpy(), d.tgrade.map({'I': 0, 'II': 1, 'III': 2}).to_numpy()
r = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0, method='newton', tol=1e-14, maxiter=100)
out['multinomial'] = dict(value=L(r.params.T), stderr=L(r.bse.T))
Z = (X - X.mean(0)) / X.std(0)
out['multinomial_l2'] = fit(LogisticRegression(C=.05, solver='newton-cholesky', tol=1e-12), Z, y)
json.dump(out, sys.stdout, indent=1)
