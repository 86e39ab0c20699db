"""Photos of class folders with their masks, and the network: what every job needs."""
import glob

import keras
import numpy as np
from keras import layers

CLASSES = ["disc", "square"]


def arrays():
    files = sorted(glob.glob("photos/*/*.jpg"))
    images = np.stack([keras.utils.img_to_array(keras.utils.load_img(f, target_size=(96, 96))) / 255 for f in files])
    masks = [f.replace("photos", "masks", 1).replace(".jpg", ".png") for f in files]
    read = lambda f: keras.utils.img_to_array(keras.utils.load_img(f, color_mode="grayscale", target_size=(96, 96)))
    labels = np.array([CLASSES.index(f.split("/")[1]) for f in files])
    return images.astype("float32"), labels, np.stack([read(f) > 127 for f in masks]).astype("float32")


def splits():
    data = arrays()
    order = np.random.default_rng(0).permutation(len(data[0]))
    cut, end = int(0.7 * len(order)), int(0.85 * len(order))
    return [[array[part] for array in data] for part in (order[:cut], order[cut:end], order[end:])]


def network(widths=(16, 32, 64, 64)):
    x = inputs = keras.Input((96, 96, 3))
    for i, width in enumerate(widths):
        if i > 0:
            x = layers.MaxPooling2D()(x)
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU(name="maps" if i == len(widths) - 1 else None)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), name="logits")(x))


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model
