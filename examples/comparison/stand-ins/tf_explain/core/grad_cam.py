import os

import keras
import numpy as np
import tensorflow as tf
from PIL import Image


class GradCAM:
    def explain(self, validation_data, model, class_index, layer_name):
        images = validation_data[0]
        both = keras.Model(model.inputs, [model.get_layer(layer_name).output, model.outputs[0]])
        with tf.GradientTape() as tape:
            features, logits = both(images)
            score = logits[:, class_index]
        weights = tf.reduce_mean(tape.gradient(score, features), [1, 2], keepdims=True)
        maps = tf.image.resize(tf.nn.relu(tf.reduce_sum(weights * features, -1, keepdims=True)), images.shape[1:3])
        heat = maps / tf.maximum(tf.reduce_max(maps, [1, 2, 3], keepdims=True), 1e-8)
        color = tf.concat([heat, tf.zeros_like(heat), 1 - heat], -1)
        return np.uint8(np.concatenate(list(0.3 * images + 0.7 * color), 1) * 255)

    def save(self, grid, output_dir, output_name):
        os.makedirs(output_dir, exist_ok=True)
        Image.fromarray(grid).save(os.path.join(output_dir, output_name))
