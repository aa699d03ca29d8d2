"""Times training steps of Keras's introductory network. Arguments: pixels a side, channels, steps."""
import json, os, resource, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import keras
import tensorflow as tf
from keras import layers

side, channels, steps = map(int, sys.argv[1:])
films, batch, warm_up = 320, 32, 3
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.integers(0, 256, (films, side, side, channels), dtype=np.uint8)
y = (np.arange(films) % 2).astype("float32")

model = keras.Sequential([
    layers.Input((side, side, channels)), layers.Rescaling(1 / 255),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(128, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dense(1, activation="sigmoid"),
])
model.compile("adam", "binary_crossentropy")


def used():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (use.ru_utime + use.ru_stime)


took = []
for i in range(steps + warm_up):
    if i == warm_up:
        before = used()
    rows = (np.arange(batch) + i * batch) % films
    begin = time.perf_counter()
    model.train_on_batch(x[rows], y[rows])
    took.append(1000 * (time.perf_counter() - begin))
print(json.dumps({"step": float(np.median(took[warm_up:])), "cpu": (used() - before) / steps, "first": took[0], "version": f"{keras.__version__} on TensorFlow {tf.__version__}"}))
