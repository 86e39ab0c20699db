"""Writes test/fixtures/data_resampling.json: crops resized, and colours changed, by Pillow.

Run with a Python that has pillow and numpy:  python test/reference/data_resampling.py
"""

import json
import pathlib

import numpy as np
import PIL
from PIL import Image, ImageEnhance

rng = np.random.default_rng(7)
image = rng.integers(0, 256, (11, 14, 3), dtype=np.uint8)
cases = []
for left, top, width, height, target_width, target_height, flip in [
    (0, 0, 14, 11, 14, 11, False),
    (0, 0, 14, 11, 5, 4, False),
    (0, 0, 14, 11, 23, 17, True),
    (3, 2, 8, 7, 9, 12, False),
    (5, 1, 9, 10, 3, 3, True),
    (13, 10, 1, 1, 4, 2, False),
]:
    channels = []
    for channel in range(3):
        plane = Image.fromarray(image[:, :, channel].astype(np.float32), mode="F")
        crop = plane.crop((left, top, left + width, top + height))
        resized = np.asarray(crop.resize((target_width, target_height), Image.Resampling.BILINEAR))
        channels.append(resized[:, ::-1] if flip else resized)
    cases.append({
        "window": {"left": left, "top": top, "width": width, "height": height},
        "target": {"width": target_width, "height": target_height},
        "flip": flip,
        "pixels": [float(f"{v:.7g}") for v in np.stack(channels, -1).flatten()],
    })

photo = Image.fromarray(image)
colors = {
    "brightness": np.asarray(ImageEnhance.Brightness(photo).enhance(1.3)).flatten().tolist(),
    "contrast": np.asarray(ImageEnhance.Contrast(photo).enhance(0.6)).flatten().tolist(),
    "saturation": np.asarray(ImageEnhance.Color(photo).enhance(1.4)).flatten().tolist(),
}
out = {"pillow": PIL.__version__, "image": image.flatten().tolist(), "cases": cases, "colors": colors}
target = pathlib.Path(__file__).parent.parent / "fixtures" / "data_resampling.json"
target.write_text(json.dumps(out))
print(target, target.stat().st_size)
