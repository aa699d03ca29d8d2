"""Writes mixed.csv, mixed.parquet and reference.json: scikit-learn's preprocessing of a made-up table.

pip install scikit-learn==1.9.1 pandas==3.1.1 pyarrow numpy==2.4.6; python reference.py (in this folder)
"""
import json
import numpy as np, pandas as pd, sklearn
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler, TargetEncoder
r = np.random.RandomState(3); n = 60
d = pd.DataFrame(dict(age=r.randint(20, 90, n).astype(float), lactate=np.exp(r.randn(n)).round(3), site=r.choice(list('abcd'), n, p=[.4, .3, .2, .1])))
d['bmi'] = (d.age / 10 + 20 + r.randn(n)).round(2); d['y'] = (d.lactate + r.randn(n) > 1).astype(float)
for c in ('age', 'lactate', 'bmi'): d.loc[r.rand(n) < .15, c] = np.nan
d.to_csv('mixed.csv', index=False); d.to_parquet('mixed.parquet', index=False)
N = d[['age', 'lactate', 'bmi']]; S = lambda *steps: make_pipeline(*steps).fit_transform(N).tolist()
z = (N - N.mean()) / N.std()
out = dict(versions=dict(sklearn=sklearn.__version__, pandas=pd.__version__),
    standard=S(SimpleImputer(strategy='median'), StandardScaler()), robust=S(SimpleImputer(strategy='median'), RobustScaler()),
    minmax=S(SimpleImputer(strategy='median'), MinMaxScaler()), mode=S(SimpleImputer(strategy='most_frequent')),
    knn=(KNNImputer(n_neighbors=4).fit_transform(z) * N.std().to_numpy() + N.mean().to_numpy()).tolist(),
    onehot=OneHotEncoder(sparse_output=False).fit_transform(d[['site']]).tolist(),
    target=TargetEncoder(smooth=10, target_type='continuous').fit(d[['site']], d.y).transform(d[['site']]).ravel().tolist())
json.dump(out, open('reference.json', 'w'))
