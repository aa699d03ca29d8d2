"""The peers of bench/text. Arguments:

    peers.py step LENGTH STEPS   Keras: a training step of the introductory LSTM
    peers.py linear FILE         scikit-learn: TF-IDF with logistic regression
    peers.py epochs FILE N       Keras: N epochs of that LSTM on real texts
    peers.py lstm FILE SEED      Keras: that LSTM on real texts, with early stopping

FILE is JSON: {"train": {"x": [text, ...], "y": [0 or 1, ...]}, "validation": ..., "test": ...}.
The last line printed is a JSON object. main.go does the same with ours.
"""
import collections
import json
import os
import re
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

BATCH, WORDS, LONGEST, WARM_UP = 32, 10_000, 64, 3


def network(length):
    import keras
    from keras import layers

    model = keras.Sequential([
        layers.Input((length,)), layers.Embedding(WORDS, 128),
        layers.LSTM(128, dropout=0.2, recurrent_dropout=0.2), layers.Dense(1, activation="sigmoid"),
    ])
    model.compile("adam", "binary_crossentropy")
    return model


def keras_version():
    import keras
    import tensorflow as tf

    return f"{keras.__version__} on TensorFlow {tf.__version__}"


def step(length, steps):
    import keras

    keras.utils.set_random_seed(1)
    texts = 20 * BATCH
    x = np.random.default_rng(1).integers(2, WORDS, (texts, length))
    y = (np.arange(texts) % 2).astype("float32")
    model = network(length)
    took = []
    for i in range(steps + WARM_UP):
        rows = (np.arange(BATCH) + i * BATCH) % texts
        begin = time.perf_counter()
        model.train_on_batch(x[rows], y[rows])
        took.append(1000 * (time.perf_counter() - begin))
    return {"step": float(np.median(took[WARM_UP:])), "first": took[0], "version": keras_version()}


def judge(truth, score):
    from sklearn.metrics import f1_score, roc_auc_score

    return {"auc": float(roc_auc_score(truth, score)), "f1": float(f1_score(truth, score >= 0.5))}


def linear(data):
    import sklearn
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
                          LogisticRegression(C=10, class_weight="balanced", max_iter=2000))
    begin = time.perf_counter()
    model.fit(data["train"]["x"], data["train"]["y"])
    fitted = time.perf_counter()
    score = model.predict_proba(data["test"]["x"])[:, 1]
    done = time.perf_counter()
    return {"fit": 1000 * (fitted - begin), "predict": 1000 * (done - fitted), **judge(data["test"]["y"], score),
            "version": sklearn.__version__}


def encoder(data):
    """Returns a function for the arrays of a part: padded word numbers, and labels."""
    words = {name: [re.findall("[a-z0-9]+", text.lower()) for text in part["x"]] for name, part in data.items()}
    counts = collections.Counter(word for text in words["train"] for word in text)
    ids = {word: i + 2 for i, (word, _) in enumerate(counts.most_common(WORDS - 2))}

    def encode(name):
        x = np.zeros((len(words[name]), LONGEST), "int32")
        for i, text in enumerate(words[name]):
            known = [ids.get(word, 1) for word in text][:LONGEST]
            x[i, LONGEST - len(known):] = known
        return x, np.array(data[name]["y"], "float32")

    return encode


def epochs(data, n):
    import keras

    class Pace(keras.callbacks.Callback):
        ends = []

        def on_epoch_end(self, epoch, logs=None):  # after validation
            self.ends.append(time.perf_counter())

    keras.utils.set_random_seed(0)
    encode = encoder(data)
    x, y = encode("train")
    network(LONGEST).fit(x, y, batch_size=BATCH, epochs=n, validation_data=encode("validation"), callbacks=[Pace()], verbose=0)
    steps = -(-len(x) // BATCH)
    return {"rate": steps * (n - 1) / (Pace.ends[-1] - Pace.ends[0]), "version": keras_version()}


def lstm(data, seed):
    import keras

    keras.utils.set_random_seed(seed)
    encode = encoder(data)
    model = network(LONGEST)
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    begin = time.perf_counter()
    model.fit(*encode("train"), batch_size=BATCH, epochs=10, validation_data=encode("validation"), callbacks=[stop], verbose=0)
    fitted = time.perf_counter()
    score = model.predict(encode("test")[0], batch_size=256, verbose=0).ravel()
    done = time.perf_counter()
    return {"fit": 1000 * (fitted - begin), "predict": 1000 * (done - fitted), **judge(data["test"]["y"], score),
            "version": keras_version()}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


task, *rest = sys.argv[1:]
if task == "step":
    out = step(*map(int, rest))
elif task == "linear":
    out = linear(read(rest[0]))
elif task == "epochs":
    out = epochs(read(rest[0]), int(rest[1]))
else:
    out = lstm(read(rest[0]), int(rest[1]))
print(json.dumps(out))
