"""tlhelpers: the small library behind the course on transfer learning.

    import tlhelpers as tl

Every name below is loaded when it is first used, so that importing the package costs next to
nothing beyond `import torch`.
"""

from __future__ import annotations

import importlib

_ROOMS = {
    "errors": ["InputError", "AssetError"],
    "runtime": [
        "setup",
        "budget",
        "get_device",
        "get_profile",
        "seed_everything",
        "autocast",
        "Runtime",
    ],
    "memory": ["available_memory", "check_memory", "with_smaller_batches"],
    "assets": ["fetch", "data_dir"],
    "diagnosis": ["doctor"],
    "decoding": ["load_image", "to_rgb"],
    "images": ["ImageTensors"],
    "folders": ["load_image_folder", "load_images"],
    "augmentation": ["random_affine", "random_resized_crop", "color_jitter"],
    "batches": ["BatchLoader"],
    "backbones": ["Backbone", "load_backbone", "list_backbones"],
    "surgery": [
        "freeze",
        "unfreeze",
        "freeze_to",
        "freeze_statistics",
        "train_mode",
        "get_head",
        "replace_head",
        "param_groups",
        "count_parameters",
        "fingerprint",
        "changed",
    ],
    "features": ["FeatureTensors", "extract_features", "linear_probe"],
    "history": ["History"],
    "distributed": ["World", "connect"],
    "snapshots": ["Snapshot"],
    "training": ["fit", "evaluate", "predict"],
    "finetuning": ["finetune", "Settings"],
    "prediction": ["load_finetuned"],
    "checkpoints": ["save_checkpoint", "load_checkpoint"],
    "progress": ["Progress"],
    "statistics": ["Interval", "wilson_interval", "mean_interval", "mcnemar", "equal_steps"],
    "display": ["show"],
    "palette": ["PALETTE", "MARKERS", "use_style"],
    "pictures": ["show_images"],
    "plots": ["plot_history", "plot_confusion_matrix", "plot_embedding"],
    "charts": ["plot_parameters", "plot_bars", "plot_intervals"],
    "claims": ["verdict"],
    "quizzes": ["quiz"],
    "checks": ["check"],
    "glyphs": ["font_glyphs", "handwriting", "digit_domains"],
    "adaptation": [
        "mean_distance",
        "mmd",
        "coral",
        "confusion_loss",
        "reverse_gradient",
        "reversal_schedule",
        "gradient_penalty",
        "information",
        "adapt_batchnorm",
    ],
    "adaptation_training": ["adapt", "digit_network", "domain_discriminator"],
    "domain_gap": ["domain_probe", "proxy_a_distance", "measure_domains"],
    "style": ["gram_matrix", "stylize", "Stylized"],
    "vgg_reader": ["layer_names", "Reader"],
    "taxonomy": ["taxonomy_table"],
    "diagrams": ["draw_taxonomy"],
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        from .errors import nearest

        raise AttributeError(f'tlhelpers has no "{name}".{nearest(name, _HOME)}')
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return __all__
