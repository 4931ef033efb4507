"""`python tflite_demo.py MODEL.tflite IMAGE...`: what it sees in images, with only LiteRT, NumPy and pillow."""

import json
import sys
import time
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

model, *images = sys.argv[1:]
facts = json.loads(zipfile.ZipFile(model).read("sqnxt.json"))  # labels and preprocessing travel in a zip at its end
how, labels = facts["preprocessing"], facts["labels"]
interpreter = Interpreter(model_path=model)
interpreter.allocate_tensors()
given, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
for path in images:
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I;16"):  # pillow would cut what is above 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if how["channels"] == 1 else "RGB")
    fit = ImageOps.fit if how["resize"] == "short_side_crop" else Image.Image.resize
    pixels = np.asarray(fit(image, (how["width"], how["height"]), Image.Resampling.BILINEAR), np.float32)
    values = ((pixels.reshape(*given["shape"]) - how["mean"]) / how["scale"]).astype(given["dtype"])
    began = time.perf_counter()
    interpreter.set_tensor(given["index"], values)
    interpreter.invoke()
    logits = interpreter.get_tensor(answer["index"])[0].astype(np.float64)
    print(f"{path}: {1e3 * (time.perf_counter() - began):.1f} ms")
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    if logits.min() >= 0 and abs(logits.sum() - 1) < 0.5:  # the network ends in a softmax of its own
        chances = logits
    for index in np.argsort(-chances)[:5]:
        print(f"  {labels[index]:>12}  {'█' * round(30 * chances[index]):<30}  {100 * chances[index]:5.1f} %")
