import numpy as np
import torch


def to_tensor(picture):
    array = np.asarray(picture, "float32") / 255
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())
