"""What a model file of a fine-tuning job says of itself, looked at before anything is built."""

from __future__ import annotations


def what_is_wrong(facts: dict) -> str:
    """What in the facts of a model cannot be; empty where all can."""

    def three_numbers(value) -> bool:
        plain = isinstance(value, list) and len(value) == 3
        return plain and all(isinstance(x, (int, float)) and abs(x) < 1e3 for x in value)

    if not all(isinstance(facts[name], str) for name in ("backbone", "profile")):
        return "its backbone or profile is no name"
    if len(facts["classes"]) < 2:
        return f"it has {len(facts['classes'])} classes"
    if not three_numbers(facts["mean"]) or not three_numbers(facts["std"]) or 0 in facts["std"]:
        return f"mean {facts['mean']}, std {facts['std']}"
    if not isinstance(facts["image_size"], int) or not 1 <= facts["image_size"] <= 4096:
        return f"image_size {facts['image_size']}"
    ranges = facts.get("ranges", {})
    if not isinstance(ranges, dict) or not all(
        isinstance(ends, list) and len(ends) == 2 for ends in ranges.values()
    ):
        return f"ranges {ranges}"
    return ""
