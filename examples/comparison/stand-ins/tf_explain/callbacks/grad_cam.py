import keras
import tensorflow as tf
from tf_explain.core.grad_cam import GradCAM


class GradCAMCallback(keras.callbacks.Callback):
    def __init__(self, validation_data, class_index, layer_name, output_dir):
        super().__init__()
        self.data, self.index, self.layer = validation_data, class_index, layer_name
        self.writer = tf.summary.create_file_writer(output_dir)

    def on_epoch_end(self, epoch, logs=None):
        grid = GradCAM().explain(self.data, self.model, self.index, self.layer)
        with self.writer.as_default():
            tf.summary.image("Grad CAM", grid[None], step=epoch)
