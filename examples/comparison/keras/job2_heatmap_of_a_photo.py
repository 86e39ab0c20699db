import sys

import keras
from photos import CLASSES
from tf_explain.core.grad_cam import GradCAM

model = keras.saving.load_model("plain.keras")
photo = keras.utils.img_to_array(keras.utils.load_img(sys.argv[1], target_size=(96, 96))) / 255
scores = keras.ops.softmax(model(photo[None]))[0]
explainer = GradCAM()
for c, name in enumerate(CLASSES):
    grid = explainer.explain((photo[None], None), model, class_index=c, layer_name="maps")
    explainer.save(grid, ".", f"{name}.png")
    print(name, round(float(scores[c]), 3))
