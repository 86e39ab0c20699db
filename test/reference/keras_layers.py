"""What Keras computes with each layer and option, for test/models/keras-layers.test.ts.

Each case is a small model: its description as Keras 3 writes it, the same in the words of Keras 2 (2.15), its weights,
and its answer to an input that both sides make by a formula. `refused` cases are to be refused by name.
Run: python test/reference/keras_layers.py > test/fixtures/keras-layers.json
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy as np  # noqa: E402

L = keras.layers
IMAGE = (6, 8, 4)


def values(name, count):
    """Uniform-looking values in (-1, 1)."""
    phase = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000
    x = np.sin(np.arange(count) * 12.9898 + phase) * 43758.5453
    return np.round(2 * (x - np.floor(x)) - 1, 4)


CASES = {}


def case(name, *layers, shape=IMAGE, only3=False):
    CASES[name] = (layers, shape, only3)


case("Conv2D", L.Conv2D(3, 3))
case("Conv2D same strides 2", L.Conv2D(3, 3, strides=2, padding="same"))
case("Conv2D strides 2x1", L.Conv2D(3, (3, 2), strides=(2, 1)))
case("Conv2D dilation 2", L.Conv2D(3, 3, dilation_rate=2, padding="same"))
case("Conv2D without bias, relu", L.Conv2D(3, 3, use_bias=False, activation="relu"))
case("Conv2D groups 2", L.Conv2D(6, 3, groups=2, padding="same", activation="tanh"))
case("Conv2D groups 4 strides 2", L.Conv2D(4, 3, groups=4, strides=2))
case("Conv2D groups 2 dilation 2", L.Conv2D(4, 3, groups=2, dilation_rate=2))
case("Conv2D regularized, constrained", L.Conv2D(2, 1, kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(9.0)))
case("Conv1D", L.Conv1D(3, 3), shape=(9, 2))
case("Conv3D", L.Conv3D(2, 2, padding="same"), shape=(4, 4, 5, 2))
case("Conv2DTranspose", L.Conv2DTranspose(3, 3, strides=2))
case("Conv2DTranspose same", L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"))
case("Conv2DTranspose strides above the window", L.Conv2DTranspose(2, 2, strides=3, padding="valid"))
case("DepthwiseConv2D", L.DepthwiseConv2D(3))
case("DepthwiseConv2D multiplier 2 strides 2 same", L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"))
case("DepthwiseConv2D dilation 2", L.DepthwiseConv2D(3, dilation_rate=2, padding="same", activation="relu"))
case("DepthwiseConv2D dilation 2 valid", L.DepthwiseConv2D(3, dilation_rate=2, use_bias=False))
case("SeparableConv2D", L.SeparableConv2D(3, 3, padding="same", depth_multiplier=2))
case("SeparableConv2D strides 2 dilation 1 relu", L.SeparableConv2D(3, 3, strides=2, activation="relu"))
case("Dense", L.Dense(3, activation="softmax"), shape=(5,))
case("Dense on an image", L.Dense(3))
case("MaxPooling2D", L.MaxPooling2D())
case("MaxPooling2D 3 strides 2 same", L.MaxPooling2D(3, strides=2, padding="same"))
case("AveragePooling2D 3 strides 2 same", L.AveragePooling2D(3, strides=2, padding="same"))
case("AveragePooling2D 2x3", L.AveragePooling2D((2, 3), strides=(1, 2)))
case("MaxPooling1D", L.MaxPooling1D(3, strides=2, padding="same"), shape=(9, 2))
case("AveragePooling1D", L.AveragePooling1D(2), shape=(9, 2))
case("AveragePooling3D", L.AveragePooling3D(2), shape=(4, 4, 5, 2))
case("GlobalAveragePooling2D", L.GlobalAveragePooling2D())
case("GlobalAveragePooling2D keepdims", L.GlobalAveragePooling2D(keepdims=True))
case("GlobalMaxPooling2D keepdims", L.GlobalMaxPooling2D(keepdims=True))
case("GlobalAveragePooling2D channels_first", L.GlobalAveragePooling2D(data_format="channels_first"))
case("GlobalAveragePooling1D", L.GlobalAveragePooling1D(), shape=(9, 2))
case("GlobalAveragePooling1D keepdims", L.GlobalAveragePooling1D(keepdims=True), shape=(9, 2))
case("GlobalAveragePooling3D", L.GlobalAveragePooling3D(), shape=(4, 4, 5, 2))
case("GlobalMaxPooling3D keepdims", L.GlobalMaxPooling3D(keepdims=True), shape=(4, 4, 5, 2))
case("BatchNormalization", L.BatchNormalization(epsilon=0.01))
case("BatchNormalization of a vector, axis 1", L.BatchNormalization(axis=1), shape=(5,))
case("BatchNormalization without scale", L.BatchNormalization(scale=False))
case("BatchNormalization without center", L.BatchNormalization(center=False))
case("LayerNormalization", L.LayerNormalization())
case("LayerNormalization axes 1, 2", L.LayerNormalization(axis=[1, 2], epsilon=1e-5))
case("LayerNormalization without scale", L.LayerNormalization(scale=False))
case("GroupNormalization", L.GroupNormalization(groups=2))
case("GroupNormalization one per channel", L.GroupNormalization(groups=-1, scale=False))
case("UnitNormalization", L.UnitNormalization())
case("UnitNormalization axis 1", L.UnitNormalization(axis=1))
case("Normalization mean and variance", L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 0.5, 0.25]))
case("Normalization one for all", L.Normalization(axis=None, mean=0.3, variance=2.0))
case("Normalization with weights", L.Normalization())
case("Normalization invert", L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 0.5, 0.25], invert=True))
case("Rescaling", L.Rescaling(1 / 127.5, offset=-1))
case("Resizing bilinear up", L.Resizing(9, 11))
case("Resizing bilinear down", L.Resizing(4, 5))
case("Resizing nearest", L.Resizing(9, 5, interpolation="nearest"))
case("CenterCrop", L.CenterCrop(3, 5))
case("CenterCrop one column", L.CenterCrop(6, 7))
case("RandomFlip, RandomRotation, RandomZoom", L.RandomFlip(), L.RandomRotation(0.2), L.RandomZoom(0.1), L.Conv2D(2, 1))
case("UpSampling2D nearest", L.UpSampling2D(2))
case("UpSampling2D bilinear", L.UpSampling2D((2, 3), interpolation="bilinear"))
case("ZeroPadding2D", L.ZeroPadding2D(((1, 2), (0, 3))))
case("ZeroPadding2D of two numbers", L.ZeroPadding2D((1, 2)))
case("Cropping2D", L.Cropping2D(((1, 0), (2, 1))))
case("Flatten", L.Flatten())
case("Flatten channels_first", L.Flatten(data_format="channels_first"))
case("Reshape with -1", L.Reshape((-1, 2)))
case("Permute", L.Permute((3, 1, 2)))
case("RepeatVector", L.RepeatVector(3), shape=(5,))
case("Dropout", L.Dropout(0.5), L.SpatialDropout2D(0.5), L.GaussianNoise(0.1), L.Conv2D(2, 1))
case("ReLU", L.ReLU())
case("ReLU max 0.5", L.ReLU(max_value=0.5))
case("ReLU slope", L.ReLU(negative_slope=0.25))
case("ReLU max, slope, threshold", L.ReLU(max_value=0.6, negative_slope=0.25, threshold=0.2))
case("ReLU threshold", L.ReLU(threshold=0.3))
case("LeakyReLU", L.LeakyReLU(negative_slope=0.1))
case("PReLU", L.PReLU())
case("PReLU shared", L.PReLU(shared_axes=[1, 2]))
case("ELU", L.ELU())
case("ELU alpha 0.5", L.ELU(alpha=0.5))
case("Softmax", L.Softmax())
case("Softmax axis 1", L.Softmax(axis=1))
for name in "elu selu relu relu6 sigmoid softplus softsign tanh gelu mish silu swish exponential".split():
    case(f"Activation {name}", L.Activation(name))
for name in "hard_sigmoid hard_silu leaky_relu celu log_sigmoid hard_tanh tanh_shrink soft_shrink squareplus log_softmax".split():
    case(f"Activation {name}", L.Activation(name), only3=True)


def functional(name, shape, build, only3=False):
    CASES[name] = (build, shape, only3)


def two_branches(merge):
    def build(x):
        return merge([L.Conv2D(3, 3, padding="same", name="left")(x), L.Conv2D(3, 3, padding="same", name="right")(x)])

    return build


for merge in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum):
    functional(merge.__name__, IMAGE, two_branches(merge()))
functional("Concatenate", IMAGE, two_branches(L.Concatenate()))
functional("Concatenate axis 1", IMAGE, two_branches(L.Concatenate(axis=1)))
functional(
    "Multiply broadcast (squeeze and excite)",
    IMAGE,
    lambda x: L.Multiply()([x, L.Dense(4, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))]),
)


def nested(x):
    inner = keras.Sequential([L.Input(IMAGE), L.Conv2D(4, 3, padding="same", name="deep"), L.BatchNormalization(name="deep_bn")], name="inner")
    return L.Conv2D(2, 1, name="after")(inner(inner(x)))


def deeper(x):
    image = L.Input(IMAGE)
    low = keras.Sequential([L.Input(IMAGE), L.Conv2D(4, 3, padding="same", name="same_name")], name="low")
    middle = keras.Model(image, L.DepthwiseConv2D(3, name="mid_dw")(low(image)), name="middle")
    return L.Conv2D(2, 1, name="same_name")(middle(x, training=False))


def shared(x):
    layer = L.Conv2D(4, 3, padding="same", name="shared")
    return layer(layer(x))


functional("a model in a model, called twice", IMAGE, nested)
functional("a model in a model in a model, two layers of one name", IMAGE, deeper, only3=True)
functional("a shared layer", IMAGE, shared)
functional("arithmetic between layers", IMAGE, lambda x: (2.0 - (x + 3.0) * 0.5) / 4.0 + x, only3=True)

REFUSED = {
    "Conv1D causal": (L.Conv1D(3, 3, padding="causal"), (9, 2), "causal"),
    "BatchNormalization axis 1": (L.BatchNormalization(axis=1), IMAGE, "axis"),
    "Conv2DTranspose output_padding": (L.Conv2DTranspose(2, 3, strides=2, output_padding=1), IMAGE, "output_padding"),
    "Conv1D groups": (L.Conv1D(2, 1, groups=2), (9, 2), "groups"),
    "LayerNormalization rms_scaling": (L.RMSNormalization(), IMAGE, "RMSNormalization"),
    "Resizing bicubic": (L.Resizing(3, 3, interpolation="bicubic"), IMAGE, "bicubic"),
    "Resizing crop_to_aspect_ratio": (L.Resizing(3, 3, crop_to_aspect_ratio=True), IMAGE, "crop_to_aspect_ratio"),
    "SeparableConv2D channels_first": (L.SeparableConv2D(2, 3, data_format="channels_first"), IMAGE, "data_format"),
    "MultiHeadAttention's EinsumDense": (L.EinsumDense("abcd,de->abce", (None, None, 3)), IMAGE, "EinsumDense"),
    "GRU reset_after": (L.GRU(2), (9, 2), "reset_after"),
    "Activation sparsemax": (L.Activation("sparsemax"), IMAGE, "sparsemax"),
}


def keras2(value, nested_names=frozenset(), key=None):
    """The same description in the words of Keras 2.15."""
    if isinstance(value, list):
        return [keras2(one, nested_names, key) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    value = {k: v for k, v in value.items() if k not in ("module", "registered_name", "build_config", "compile_config", "shared_object_id")}
    config = value.get("config")
    if value.get("class_name") == "Functional":
        nested_names = {l["name"] for l in config["layers"] if l["class_name"] in ("Functional", "Sequential")}
        ends = {k: [[config[k][0], config[k][1] + (config[k][0] in nested_names), config[k][2]]] for k in ("input_layers", "output_layers")}
        value["config"] = config = {**config, **ends}
    if value.get("class_name") == "BatchNormalization":
        axis = config["axis"]
        config = {k: v for k, v in config.items() if k not in ("synchronized", "renorm", "renorm_clipping", "renorm_momentum")}
        value["config"] = {**config, "axis": [axis]}
    if value.get("class_name") == "LayerNormalization":
        value["config"] = config = {k: v for k, v in config.items() if k != "rms_scaling"}
    if value.get("class_name") == "LeakyReLU":
        value["config"] = {"alpha": config["negative_slope"], **{k: v for k, v in config.items() if k != "negative_slope"}}
    if value.get("class_name") == "InputLayer":
        value["config"] = {**{k: v for k, v in config.items() if k not in ("batch_shape", "optional")}, "batch_input_shape": config["batch_shape"]}
    if "inbound_nodes" in value:
        value["inbound_nodes"] = [keras2_call(call, nested_names) for call in value["inbound_nodes"]]
    return {k: keras2(v, nested_names, k) for k, v in value.items()}


def keras2_call(call, nested_names):
    if isinstance(call, list):
        return call
    args = call["args"][0] if isinstance(call["args"][0], list) else call["args"]
    found = []
    for tensor in args:
        name, node, index = tensor["config"]["keras_history"]
        found.append([name, node + (name in nested_names), index, {}])
    return found


def fill(model):
    stored = []
    for weight in model.weights:
        path, kind = weight.path, weight.path.split("/")[-1]
        if "seed_generator" in path or kind == "count":
            continue
        count = int(np.prod(weight.shape))
        drawn = values(path, count).reshape(weight.shape)
        if "variance" in kind:
            drawn = np.round(1.5 + drawn, 4)
        weight.assign(drawn.astype("float32"))
        stored.append({"name": path, "shape": list(weight.shape), "values": drawn.ravel().tolist()})
    return stored


def build(layers, shape):
    image = L.Input(shape, name="image")
    if callable(layers) and not isinstance(layers, tuple):
        return keras.Model(image, layers(image), name="case")
    x = image
    for i, layer in enumerate(layers):
        if not layer.built and isinstance(layer, L.Normalization) and layer.input_mean is None:
            layer.build((None, *shape))
            layer.finalize_state()
        x = layer(x)
    return keras.Model(image, x, name="case")


def description(model):
    return json.loads(model.to_json())


def main():
    cases = []
    for name, (layers, shape, only3) in CASES.items():
        model = build(layers, shape)
        stored = fill(model)
        for layer in model.layers:
            if isinstance(layer, L.Normalization):
                layer.finalize_state()
        image = values("image", int(np.prod((2, *shape)))).reshape((2, *shape)).astype("float32")
        answer = np.asarray(model(image, training=False))
        model3 = description(model)
        entry = {
            "name": name,
            "shape": list(shape),
            "keras3": model3,
            "weights": stored,
            "answerShape": list(answer.shape),
            "answer": [float(f"{v:.6g}") for v in answer.ravel()],
        }
        if not only3:
            entry["keras2"] = keras2(model3)
        cases.append(entry)
    refused = []
    for name, (layer, shape, word) in REFUSED.items():
        model = build((layer,), shape)
        refused.append({"name": name, "word": word, "keras3": description(model), "weights": fill(model)})
    json.dump({"versions": {"keras": keras.__version__}, "cases": cases, "refused": refused}, sys.stdout, separators=(",", ":"))


main()
