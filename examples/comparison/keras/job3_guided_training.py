import keras
import tensorflow as tf
from maps import grad_cam, with_features
from photos import compiled, network, splits


class Guided(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.model, self.both = model, with_features(model)

    def call(self, images, training=None):
        return self.model(images, training=training)

    def train_step(self, data):
        images, (labels, masks) = data
        with tf.GradientTape() as tape:
            logits, maps = grad_cam(self.both, images, labels, training=True)
            maps = tf.image.resize(maps[..., None], masks.shape[1:3])
            supervision = tf.reduce_mean(tf.square(maps - masks))
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)) + supervision
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return {"loss": loss, "supervision": supervision}


keras.utils.set_random_seed(1)
(images, labels, masks), (val_images, val_labels, _), (test_images, test_labels, _) = splits()
model = network()
guided = Guided(model)
guided.compile(keras.optimizers.Adam(1e-3))
guided.fit(tf.data.Dataset.from_tensor_slices((images, (labels, masks))).shuffle(200).batch(16), epochs=10)
print(compiled(model).evaluate(test_images, test_labels, return_dict=True))
model.save("guided.keras")
