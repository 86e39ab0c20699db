import keras
from photos import CLASSES, compiled, network, splits
from tf_explain.callbacks.grad_cam import GradCAMCallback

keras.utils.set_random_seed(1)
(images, labels, _), (val_images, val_labels, _), (test_images, test_labels, _) = splits()
model = compiled(network())
heatmaps = [
    GradCAMCallback((val_images[:8], val_labels[:8]), class_index=c, layer_name="maps", output_dir=f"logs/{name}")
    for c, name in enumerate(CLASSES)
]
callbacks = [keras.callbacks.TensorBoard("logs"), *heatmaps]
model.fit(images, labels, batch_size=16, epochs=10, validation_data=(val_images, val_labels), callbacks=callbacks)
print(model.evaluate(test_images, test_labels, return_dict=True))
model.save("plain.keras")
