"""Small files that Keras wrote, for test/models/keras-files.test.ts: nested models, a shared layer, Normalization with
weights, arithmetic between layers, layers of one class out of alphabetical order. Run: python test/reference/keras_files.py
"""
import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy as np  # noqa: E402

L = keras.layers
folder = pathlib.Path(__file__).parent.parent / "fixtures" / "keras-files"


def main():
    keras.utils.set_random_seed(7)
    inner = keras.Sequential(
        [L.Input((8, 8, 3)), L.Conv2D(3, 3, padding="same", name="zz_deep"), L.BatchNormalization(name="deep_bn")], name="inner"
    )
    image = L.Input((8, 8, 3), name="image")
    scale = L.Normalization(name="pixels")
    scale.adapt(np.random.uniform(0, 255, (4, 8, 8, 3)).astype("float32"))
    x = inner(scale(image))
    x = L.DepthwiseConv2D(3, name="b_dw")(x)
    shared = L.Conv2D(3, 1, name="a_shared", activation="swish")
    x = shared(shared(x)) + 3.0
    x = L.Dropout(0.5)(x * 0.5)
    x = L.Conv2D(4, 1, name="maps", activation="relu")(x)
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    x = L.Dense(3, activation="softmax", name="scores")(L.Flatten()(x))
    model = keras.Model(image, x)
    for weight in model.weights:
        if "moving_variance" in weight.path:
            weight.assign(np.random.uniform(0.5, 2, weight.shape))
    model.save(folder / "nested.keras")
    model.save(folder / "nested.h5")
    model.save_weights(folder / "only.weights.h5")
    pixels = (np.arange(8 * 8 * 3) * 37 % 256).reshape((1, 8, 8, 3)).astype("float32")
    answer = np.asarray(model(pixels, training=False))[0].tolist()
    (folder / "answer.json").write_text(json.dumps({"keras": keras.__version__, "answer": answer}) + "\n")


main()
