import numpy as np


def show_cam_on_image(image, heat, use_rgb=False):
    color = np.stack([heat, np.zeros_like(heat), 1 - heat], -1)
    mixed = image + color
    return np.uint8(255 * mixed / mixed.max())
