import keras
import tensorflow as tf
from maps import grad_cam, with_features
from photos import compiled, network, splits


class Student(keras.Model):
    def __init__(self, model, teacher):
        super().__init__()
        self.model, self.both, self.teacher = model, with_features(model), with_features(teacher)

    def call(self, images, training=None):
        return self.model(images, training=training)

    def train_step(self, data):
        images, labels = data
        teacher_logits, teacher_maps = grad_cam(self.teacher, images, labels)
        with tf.GradientTape() as tape:
            logits, maps = grad_cam(self.both, images, labels, training=True)
            soft = keras.losses.kl_divergence(tf.nn.softmax(teacher_logits / 4), tf.nn.softmax(logits / 4))
            unit = lambda maps: tf.math.l2_normalize(tf.reshape(maps, [tf.shape(maps)[0], -1]), 1)
            alike = tf.reduce_sum(tf.square(unit(maps) - unit(teacher_maps)), 1)
            loss = tf.reduce_mean(16 * soft + 0.5 * alike)
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return {"loss": loss}


keras.utils.set_random_seed(1)
(images, labels, _), _, (test_images, test_labels, _) = splits()
model = network((8, 16, 16, 16))
student = Student(model, keras.saving.load_model("guided.keras"))
student.compile(keras.optimizers.Adam(1e-3))
student.fit(images, labels, batch_size=16, epochs=10)
print(compiled(model).evaluate(test_images, test_labels, return_dict=True))
model.save("student.keras")
