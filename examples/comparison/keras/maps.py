"""Grad-CAM that can be differentiated again; tf-explain gives pictures, not tensors."""
import keras
import tensorflow as tf


def with_features(model):
    return keras.Model(model.input, [model.get_layer("maps").output, model.output])


def grad_cam(features_and_logits, images, labels, training=False):
    with tf.GradientTape() as tape:
        features, logits = features_and_logits(images, training=training)
        score = tf.reduce_sum(tf.gather(logits, labels, axis=1, batch_dims=1))
    weights = tf.reduce_mean(tape.gradient(score, features), [1, 2], keepdims=True)
    maps = tf.nn.relu(tf.reduce_sum(weights * features, -1))
    return logits, maps / tf.maximum(tf.reduce_max(maps, [1, 2], keepdims=True), 1e-8)
