"""Train the two towers of lesson 09 on drawn shapes and their captions, and store them.

    python -m data.recipes.image_text        # data/weights/image_text.safetensors

They see the 32 seen classes of `split_classes(0)`; no picture of the other 16.
"""

from __future__ import annotations

import time

import torch

from tlhelpers.data.captions import split_words, write_captions
from tlhelpers.data.shapes import CLASSES, draw_shapes, split_classes
from tlhelpers.methods.image_text import TwoTower

from .pretrain import WEIGHTS, save

PATH = WEIGHTS / "image_text.safetensors"
SPLIT_SEED, DATA_SEED, TRAINING_SEED = 0, 7, 0
PICTURES, STEPS, BATCH, RATE = 8000, 1200, 64, 1e-2
TEST_PER_CLASS = 40


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(TRAINING_SEED)
    start = time.process_time()
    split = split_classes(SPLIT_SEED)
    data = draw_shapes(split.seen[torch.randint(len(split.seen), (PICTURES,))], DATA_SEED)
    captions = write_captions(data, DATA_SEED)
    model = TwoTower(sorted({word for caption in captions for word in split_words(caption)}))
    numbers = model.word_numbers(captions)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.2)
    for step in range(STEPS):
        chosen = torch.randint(PICTURES, (BATCH,))
        loss = model(data.images[chosen], numbers[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(step + 1, round(loss.item(), 3), flush=True)
    model.eval()
    parts = {name: value.tolist() for name, value in vars(split).items()}
    facts = {
        "words": model.words,
        "size": model.text.out_features,
        **parts,
        "accuracy": {name: round(accuracy(model, classes), 3) for name, classes in parts.items()},
        "pictures": PICTURES,
        "steps": STEPS,
        "batch": BATCH,
        "rate": RATE,
        "seconds": round(time.process_time() - start),
    }
    save(model, {"tlhelpers": facts}, PATH)
    print(facts["accuracy"], facts["seconds"], "s", PATH.stat().st_size, "bytes")


@torch.no_grad()
def accuracy(model: TwoTower, classes: list[int], seed: int = 8) -> float:
    """Accuracy on new pictures of some classes, among these, by the sentences "a dotted ..."."""
    shapes = draw_shapes(torch.tensor(classes).repeat_interleave(TEST_PER_CLASS), seed)
    texts = model.encode_texts([f"a {CLASSES[label]}" for label in classes])
    answers = (model.encode_images(shapes.images) @ texts.T).argmax(1)
    return float((torch.tensor(classes)[answers] == shapes.labels).float().mean())


if __name__ == "__main__":
    main()
