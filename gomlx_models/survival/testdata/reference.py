"""Writes reference.json: what lifelines and scikit-survival say of the data sets.

usage: python reference.py DATA > reference.json    (DATA holds predict/)
"""
import json, sys, warnings
import lifelines, numpy as np, pandas as pd, sksurv
from lifelines import CoxPHFitter, KaplanMeierFitter, NelsonAalenFitter
from lifelines.utils import median_survival_times
from lifelines.statistics import multivariate_logrank_test, proportional_hazard_test
from sksurv.compare import compare_survival
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.util import Surv
warnings.filterwarnings('ignore')
L = lambda a: np.asarray(a, float).tolist()
out = dict(made_with=dict(python=sys.version.split()[0], lifelines=lifelines.__version__, sksurv=sksurv.__version__))
FIT = dict(fit_options=dict(precision=1e-12, step_size=.95))
for name in ('gbsg2', 'metabric'):
    d = pd.read_csv(f'{sys.argv[1]}/predict/surv_{name}/{name}.csv').drop(columns='split', errors='ignore')
    if name == 'gbsg2': d['horTh'], d['menostat'], d['tgrade'] = (d.horTh == 'yes') * 1., (d.menostat == 'Pre') * 1., d.tgrade.map(len) - 1.
    km = KaplanMeierFitter().fit(d.time, d.event); na = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(d.time, d.event)
    t = np.quantile(d.time, [.05, .2, .4, .6, .8, .95], method='lower'); ci = km.confidence_interval_
    at = lambda f: L([f[f.index <= s].iloc[-1] for s in t])
    g = d.tgrade if name == 'gbsg2' else (d.hormone * 2 + d.chemo).astype(int)
    lr = multivariate_logrank_test(d.time, g, d.event); y = Surv.from_arrays(d.event.astype(bool), d.time)
    x = d.drop(columns=['time', 'event']); p = lambda ties, alpha: CoxPHSurvivalAnalysis(alpha=alpha, ties=ties, tol=1e-14, n_iter=1000).fit(x, y)
    o = dict(times=L(t), km=at(km.survival_function_.iloc[:, 0]), km_low=at(ci.iloc[:, 0]), km_high=at(ci.iloc[:, 1]), km_median=float(km.median_survival_time_), km_median_interval=L(median_survival_times(ci).values[0]),
             na=at(na.cumulative_hazard_.iloc[:, 0]), logrank=dict(statistic=float(lr.test_statistic), p=float(lr.p_value)), logrank_sksurv=float(compare_survival(y, g)[0]))
    c = CoxPHFitter().fit(d, 'time', 'event', **FIT); s = c.summary
    o['efron'] = dict(columns=list(x), value=L(s['coef']), stderr=L(s['se(coef)']), statistic=L(s['z']), p=L(s['p']), interval=L(s[['coef lower 95%', 'coef upper 95%']]),
                      log_likelihood=float(c.log_likelihood_), lr=float(c.log_likelihood_ratio_test().test_statistic))
    for k in ('identity', 'log', 'km'): o['efron']['ph_' + k] = L(proportional_hazard_test(c, d, time_transform=k).summary['test_statistic'][list(x)])
    o['efron']['survival'] = L(c.predict_survival_function(x.iloc[:3], times=t).T)
    o['breslow'] = L(p('breslow', 0).coef_); o['efron_sksurv'] = L(p('efron', 0).coef_); o['ridge_alpha50'] = L(p('efron', 50).coef_)
    o['survival_sksurv'] = L([f(t) for f in p('breslow', 0).predict_survival_function(x.iloc[:3])])
    z = (x - x.mean()) / x.std(ddof=0); o['net'] = L(CoxnetSurvivalAnalysis(alphas=[.03], l1_ratio=.5, tol=1e-14, max_iter=10**6).fit(z, y).coef_[:, 0])
    st = 'menostat' if name == 'gbsg2' else 'hormone'
    c = CoxPHFitter().fit(d, 'time', 'event', strata=[st], **FIT); o['strata'] = dict(column=st, value=L(c.summary['coef']), stderr=L(c.summary['se(coef)']), ph_identity=L(proportional_hazard_test(c, d.sort_values([st, 'time']), time_transform='identity').summary['test_statistic'][list(c.params_.index)]))
    out[name] = o
json.dump(out, sys.stdout, indent=1)
