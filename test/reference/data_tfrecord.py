"""Writes test/fixtures/data_tfrecord.json: TFRecord files as TensorFlow itself writes them.

Run with a Python that has tensorflow:  python test/reference/data_tfrecord.py
"""

import base64
import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

IMAGE = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]], [[0, 0, 0], [9, 8, 7]]], np.uint8)
MASK = np.array([[[1], [0]], [[1], [0]], [[0], [0]]], np.uint8)


def feature(value):
    if isinstance(value[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
    if isinstance(value[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=value))


def example(**extra):
    features = {
        "image/encoded": [tf.io.encode_png(IMAGE).numpy()],
        "image/format": [b"png"],
        "image/height": [3],
        "image/width": [2],
        "image/filename": ["Übung.png".encode()],
        "image/class/label": [2, 0],
        "image/object/bbox/xmin": [0.0, 0.25],
        "image/object/bbox/ymin": [0.0, 0.1],
        "image/object/bbox/xmax": [0.5, 1.0],
        "image/object/bbox/ymax": [0.75, 0.9],
        "image/object/class/label": [2, 0],
        "image/object/mask": [tf.io.encode_png(MASK).numpy(), tf.io.encode_png(1 - MASK).numpy()],
        **extra,
    }
    return tf.train.Example(features=tf.train.Features(feature={k: feature(v) for k, v in features.items()}))


def written(compression):
    records = [example().SerializeToString(), b"", example(**{"image/class/label": [1]}).SerializeToString()]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/x.tfrecord"
        with tf.io.TFRecordWriter(path, compression) as writer:
            for record in records:
                writer.write(record)
        return {
            "file": base64.b64encode(pathlib.Path(path).read_bytes()).decode(),
            "records": [base64.b64encode(record).decode() for record in records],
        }


out = {"tensorflow": tf.__version__, "image": IMAGE.flatten().tolist()}
for kind in ["", "GZIP", "ZLIB"]:
    out[kind or "plain"] = written(kind)
target = pathlib.Path(__file__).parent.parent / "fixtures" / "data_tfrecord.json"
target.write_text(json.dumps(out))
print(target, target.stat().st_size)
