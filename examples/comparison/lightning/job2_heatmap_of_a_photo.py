import sys

import numpy as np
from PIL import Image
from photos import Photos, trained
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchvision.transforms import functional as T

model = trained().model
photo = Image.open(sys.argv[1]).convert("RGB").resize((96, 96))
image = T.to_tensor(photo)[None]
scores = model(image).softmax(1)[0]
with GradCAM(model, [model.features[-1]]) as cam:
    for c, name in enumerate(Photos().classes):
        heat = cam(input_tensor=image, targets=[ClassifierOutputTarget(c)])[0]
        Image.fromarray(show_cam_on_image(np.asarray(photo) / 255.0, heat, use_rgb=True)).save(f"{name}.png")
        print(name, round(scores[c].item(), 3))
