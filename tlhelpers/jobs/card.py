"""The model card: what a classifier can, how it was measured, how to use it, in Markdown."""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata
from pathlib import Path

from ..core.assets import data_dir
from ..data.deep_pixels import describe_ranges
from ..data.repeats import Repeats

# How every picture is brought to the network's size; `data/decoding.py` does it.
RESIZE = "upright by EXIF; the centre square; bilinear with antialiasing to size x size"


def command(elsewhere: str = "python") -> str:
    """`python -m tlhelpers` with the Python that runs this, by its path from the project's folder.

    elsewhere: what to call it when it does not lie in that folder.
    """
    # Not resolved: an environment's Python is often a link to the system's.
    path, root = Path(sys.executable), data_dir().parent
    inside = path.is_relative_to(root)
    return f"{shlex.quote(path.relative_to(root).as_posix()) if inside else elsewhere} -m tlhelpers"


def escaped(text: str) -> str:
    """A name as it is, on one line, whatever Markdown or HTML would make of it."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*_\[\]|$~#])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
    # Names that run from right to left stay apart from the words around them.
    isolate = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)
    return f"\u2068{text}\u2069" if isolate else text


def model_card(metrics: dict, out: Path) -> str:
    """The card of a finished job, from its metrics alone."""
    settings, classes = metrics["settings"], metrics["classes"]
    backbone, given = metrics["backbone"], metrics["preparation"]
    images = {part: sum(counts.values()) for part, counts in metrics["images"].items()}
    stages = "\n".join(
        f"| {name} | {m['accuracy']:.3f} [{m['interval'][0]:.3f}, {m['interval'][1]:.3f}] "
        f"| {m['balanced_accuracy']:.3f} | {m['correct']} of {m['n']} |"
        for name, m in metrics["stages"].items()
    )
    final = metrics["stages"][metrics["result"]]
    per_class = sorted(
        final["per_class"].items(), key=lambda item: (item[1]["recall"] is None, item[1]["recall"])
    )[:20]
    table = "\n".join(
        f"| {escaped(name)} | {_share(m['recall'])} | {_share(m['precision'])} | {m['n']} |"
        for name, m in per_class
    )
    confused = "; ".join(
        f"{escaped(a)} taken for {escaped(b)}: {n}" for a, b, n in final["most_confused"][:5]
    )
    notes = "".join(f"\n> Mind: {escaped(text)}\n" for text in metrics["warnings"])
    copies = Repeats(**metrics["repeats"]).sentences()
    if "with_repeats" in metrics:
        m = metrics["with_repeats"][metrics["result"]]
        copies.append(
            f"With them the accuracy would read {m['accuracy']:.3f} ({m['correct']} of {m['n']})."
        )
    copies = copies or ["No picture was found twice: neither as the same file nor as a near copy."]
    found_twice = "\n".join(f"- {escaped(sentence)}" for sentence in copies)
    curves = "\n![Loss and accuracy by epoch](curves.png)\n" if metrics["history"] else ""
    listed = ", ".join(f"{i} {escaped(name)}" for i, name in enumerate(classes[:100]))
    more = ", ... (metrics.json has all)" if len(classes) > 100 else ""
    run, size = command(), given["image_size"]
    where = "in the course's folder" if "/" in run else "with the Python that has `tlhelpers`"
    begun = backbone["name"] if backbone["network"] else f"the course's small {backbone['name']}"
    return f"""# Classifier of {len(classes)} classes, fine-tuned from {escaped(begun)}
{notes}
| stage | accuracy [95 % interval] | balanced accuracy | correct |
|---|---|---|---|
{stages}

Measured on {final["n"]} images that played no part in training or in choosing the epoch. Naming
the most frequent class every time would reach {final["majority_share"]:.3f}.

## Use

{where[0].upper()}{where[1:]}:

```
{run} predict {shlex.quote(str(out))} PICTURE_OR_FOLDER ...
{run} export {shlex.quote(str(out))} --format onnx
```

Without `tlhelpers`{_unaided(backbone["network"])}:

```python
{plain_script(metrics)}```

## What it is

- Network: {_built_by(backbone["network"])}
- Weights it started from: {escaped(backbone["source"])}
- Input: RGB, {size} x {size} pixels, values in 0..1, minus the mean {_three(given["mean"])},
  divided by the standard deviation {_three(given["std"])}
- How a picture gets there: {given["resize"]}{_deep(given["ranges"])}
- Output: one logit for each class, in this order: {listed}{more}
- Method: {settings["method"]}{_first_trained(settings)}, {settings["epochs"]} epochs,
  batches of {settings["batch_size"]}, learning rates {settings["lr"]} (head) and
  {settings["backbone_lr"]} (rest)
- Seed {settings["seed"]}
- Images: {images["train"]} to train, {images["val"]} to choose the epoch, {images["test"]} to
  report. split.json says which ones; predictions.csv says what each test image was taken for

## Copies of pictures

{found_twice}

## Limits

It answers with one of its classes whatever it is shown. The interval says how far chance in the
choice of test images reaches, and nothing about pictures of another kind: another camera, season or
place.
Most often confused: {confused or "nothing"}.

| {"lowest recall" if len(classes) > 20 else "class"} | recall | precision | images |
|---|---|---|---|
{table}

![Which class was taken for which](confusion_matrix.png)
{curves}"""


def plain_script(metrics: dict) -> str:
    """A script that classifies a picture with PyTorch alone, without this library."""
    backbone, given, classes = metrics["backbone"], metrics["preparation"], metrics["classes"]
    library, _, name = backbone["network"].partition(":")
    size = given["image_size"]
    names = 'json.load(open("metrics.json", encoding="utf-8"))["classes"]'
    first = f"import json, numpy, torch{f', safetensors.torch, {library}' if library else ''}\n"
    first += "from PIL import Image, ImageOps\n"
    picture = f"""image = Image.open("another.jpg")
image.draft(None, ({size}, {size}))  # as in training: large JPEG files are decoded smaller
image = ImageOps.exif_transpose(image).convert("RGB")
x = numpy.array(ImageOps.fit(image, ({size}, {size}), Image.Resampling.BILINEAR))
x = torch.from_numpy(x).permute(2, 0, 1)[None]
"""
    if not library:
        return f"""{first}classes = {names}
model = torch.jit.load("model.torchscript")  # normalises, and gives probabilities
{picture}print(dict(zip(classes, model(x)[0].tolist())))
"""
    build = f'timm.create_model("{name}", num_classes={len(classes)})'
    if library == "torchvision":
        # Their second outputs are left out by fine-tuning.
        auxiliary = name in ("googlenet", "inception_v3")
        extra = ", aux_logits=False, init_weights=False" if auxiliary else ""
        build = f'torchvision.models.get_model("{name}", num_classes={len(classes)}{extra})'
    return f"""{first}classes = {names}
model = {build}
model.load_state_dict(safetensors.torch.load_file("model.safetensors"))
{picture}mean, std = torch.tensor([{given["mean"]}, {given["std"]}])[:, :, None, None]
print(dict(zip(classes, model.eval()((x / 255 - mean) / std)[0].softmax(0).tolist())))
"""


def _unaided(network: str) -> str:
    if network:
        return ", in this folder"
    return (
        ", in this folder, after `export ... --format torchscript` (the network is one of the "
        "course's own, which no other library builds)"
    )


def _first_trained(settings: dict) -> str:
    layer = settings.get("train_from")  # runs of earlier versions lack it
    return f" from layer `{layer}` on" if layer else ""


def _built_by(network: str) -> str:
    library, _, name = network.partition(":")
    return f"`{name}` of {library}" if library else "one of the course's own small networks"


def _deep(ranges: dict) -> str:
    said = describe_ranges(ranges)
    return f". Files of more than 8 bits: {said}" if said else ""


def _three(values: list[float]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
