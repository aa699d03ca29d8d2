"""Times training steps of a network in Keras. Arguments: cnn or resnet18, pixels a side, channels, steps."""
import json, os, resource, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import keras
import tensorflow as tf
from keras import layers

network = sys.argv[1]
side, channels, steps = map(int, sys.argv[2:])
films, batch, warm_up = 320, 32, 3
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.integers(0, 256, (films, side, side, channels), dtype=np.uint8)
y = (np.arange(films) % 2).astype("float32")


def cnn(h):
    """The network of Keras's introductory tutorials."""
    for filters in (32, 64, 128):
        h = layers.MaxPooling2D(2)(layers.Conv2D(filters, 3, activation="relu")(h))
    return layers.Dense(1024, activation="relu")(layers.Flatten()(h))


def resnet18(h):
    """He et al., CVPR 2016; films below 65 pixels enter as in that paper's CIFAR networks."""

    def conv(h, filters, kernel, stride=1):
        h = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(h)
        return layers.BatchNormalization(momentum=0.9)(h)

    small = side <= 64
    h = layers.ReLU()(conv(h, 64, 3) if small else conv(h, 64, 7, 2))
    if not small:
        h = layers.MaxPooling2D(3, strides=2, padding="same")(h)
    for stage, filters in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            z = conv(layers.ReLU()(conv(h, filters, 3, stride)), filters, 3)
            if stride > 1:
                h = conv(h, filters, 1, stride)
            h = layers.ReLU()(layers.Add()([h, z]))
    return layers.GlobalAveragePooling2D()(h)


inputs = layers.Input((side, side, channels))
features = {"cnn": cnn, "resnet18": resnet18}[network](layers.Rescaling(1 / 255)(inputs))
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(features))
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
