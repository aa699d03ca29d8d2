"""Writes reference.json: what scikit-learn and scikit-survival say of made-up predictions.

pip install scikit-learn==1.9.1 scikit-survival==0.28.0 numpy==2.4.6; python reference.py > reference.json
ECE and DeLong, which they lack, follow their papers' definitions in plain numpy.
"""
import json, warnings
import numpy as np, scipy.stats, sklearn, sksurv
from sklearn import metrics as m
from sklearn.calibration import calibration_curve
from sksurv import metrics as sm
from sksurv.util import Surv
warnings.filterwarnings('ignore')
r = np.random.RandomState(7)

def ece(y, p, bins=10):
    b = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    return sum(abs(y[b == k].sum() - p[b == k].sum()) for k in range(bins)) / len(y)

def binary(y, p, t):
    h = p >= t
    c = m.confusion_matrix(y, h)
    fpr, tpr, _ = m.roc_curve(y, p, drop_intermediate=False)
    precision, recall, _ = m.precision_recall_curve(y, p)
    observed, predicted = calibration_curve(y, p, n_bins=10)
    return dict(y=y.tolist(), p=p.tolist(), threshold=t, metrics=dict(
        auc=m.roc_auc_score(y, p), average_precision=m.average_precision_score(y, p), accuracy=m.accuracy_score(y, h),
        balanced_accuracy=m.balanced_accuracy_score(y, h), sensitivity=m.recall_score(y, h), specificity=c[0, 0] / c[0].sum(),
        ppv=m.precision_score(y, h), npv=c[0, 0] / c[:, 0].sum(), f1=m.f1_score(y, h), mcc=m.matthews_corrcoef(y, h),
        brier=m.brier_score_loss(y, p), log_loss=m.log_loss(y, p), ece=ece(y, p), prevalence=y.mean()),
        fpr=fpr.tolist(), tpr=tpr.tolist(), precision=precision[::-1].tolist(), recall=recall[::-1].tolist(),
        calibration_observed=observed.tolist(), calibration_predicted=predicted.tolist())

n = 300
y = (r.rand(n) < .35).astype(int)
p = 1 / (1 + np.exp(-(r.randn(n) + 1.4 * y - .9)))
p2 = 1 / (1 + np.exp(-(r.randn(n) + 1.1 * y - .7)))
tied = np.round(p, 1)

def delong(y, a, b):
    def psi(s):
        d = s[y == 1][:, None] - s[y == 0][None, :]
        k = (d > 0) + .5 * (d == 0)
        return k.mean(1), k.mean(0)
    (ac, an), (bc, bn) = psi(a), psi(b)
    v = np.var(bc - ac, ddof=1) / len(ac) + np.var(bn - an, ddof=1) / len(an)
    d = bc.mean() - ac.mean()
    return dict(a=a.tolist(), b=b.tolist(), difference=d, se=v ** .5, p=2 * scipy.stats.norm.sf(abs(d) / v ** .5))

k = 4
c = r.randint(0, k, n)
z = r.randn(n, k); z[np.arange(n), c] += 1.2
q = np.exp(z); q /= q.sum(1, keepdims=True)
h = q.argmax(1); onehot = np.eye(k)[c]
multi = dict(y=c.tolist(), p=q.tolist(), metrics=dict(
    auc_macro=m.roc_auc_score(c, q, multi_class='ovr'), auc_micro=m.roc_auc_score(c, q, multi_class='ovr', average='micro'),
    average_precision_macro=m.average_precision_score(onehot, q), accuracy=m.accuracy_score(c, h),
    balanced_accuracy=m.balanced_accuracy_score(c, h), f1_macro=m.f1_score(c, h, average='macro'), mcc=m.matthews_corrcoef(c, h),
    log_loss=m.log_loss(c, q), brier=((q - onehot) ** 2).sum(1).mean(), ece=ece((h == c).astype(int), q.max(1))),
    confusion=m.confusion_matrix(c, h).tolist())
L = (r.rand(n, 3) < [.5, .3, .1]).astype(int)
u = 1 / (1 + np.exp(-(r.randn(n, 3) + 1.5 * L - 1)))
g = (u >= .4).astype(int)
label = dict(y=L.tolist(), p=u.tolist(), threshold=.4, metrics=dict(
    auc_macro=m.roc_auc_score(L, u), auc_micro=m.roc_auc_score(L, u, average='micro'), average_precision_macro=m.average_precision_score(L, u),
    average_precision_micro=m.average_precision_score(L, u, average='micro'), f1_macro=m.f1_score(L, g, average='macro'),
    f1_micro=m.f1_score(L, g, average='micro'), exact=m.accuracy_score(L, g), hamming_loss=m.hamming_loss(L, g),
    brier=np.mean([m.brier_score_loss(L[:, j], u[:, j]) for j in range(3)]),
    log_loss=np.mean([m.log_loss(L[:, j], u[:, j]) for j in range(3)]), ece=np.mean([ece(L[:, j], u[:, j]) for j in range(3)])))
v = r.randn(n) * 3 + 10; w = v + r.randn(n)
regression = dict(y=v.tolist(), p=w.tolist(), metrics=dict(
    r2=m.r2_score(v, w), mae=m.mean_absolute_error(v, w), rmse=m.root_mean_squared_error(v, w), bias=(w - v).mean()))

def survival(ties):
    x = r.randn(2 * n)
    t = r.exponential(np.exp(-.8 * x)); d = r.exponential(1.6, 2 * n)
    time, event = np.minimum(t, d), t <= d
    if ties: time, x = np.ceil(time * 5), np.round(x, 1)
    tr, te = slice(0, n), slice(n, 2 * n)
    ytr, yte = Surv.from_arrays(event[tr], time[tr]), Surv.from_arrays(event[te], time[te])
    at = np.unique(np.percentile(time[te], np.linspace(10, 75, 8)))
    ok = time[te] < time[tr].max()
    yte, x = yte[ok], x[te][ok]
    S = np.exp(-np.outer(np.exp(.8 * x), at / (5 if ties else 1)))
    auc, mean = sm.cumulative_dynamic_auc(ytr, yte, x, at)
    return dict(train_time=time[tr].tolist(), train_event=event[tr].tolist(), time=yte['time'].tolist(), event=yte['event'].tolist(),
        risk=x.tolist(), at=at.tolist(), survival=S.tolist(), harrell=sm.concordance_index_censored(yte['event'], yte['time'], x)[0],
        uno=sm.concordance_index_ipcw(ytr, yte, x, tau=at[-1])[0], auc=auc.tolist(), auc_mean=mean,
        brier=sm.brier_score(ytr, yte, S, at)[1].tolist(), ibs=sm.integrated_brier_score(ytr, yte, S, at))

def plain(o):
    if isinstance(o, np.generic): return o.item()
    raise TypeError(type(o))
print(json.dumps(dict(versions=dict(numpy=np.__version__, sklearn=sklearn.__version__, sksurv=sksurv.__version__),
    binary=[binary(y, p, .5), binary(y, tied, .35)], delong=[delong(y, p, p2), delong(y, tied, np.round(p2, 1))],
    multiclass=multi, multilabel=label, regression=regression, survival=[survival(False), survival(True)]), default=plain))
