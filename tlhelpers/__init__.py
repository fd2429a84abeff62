"""tlhelpers: the small library behind the course on transfer learning.

    import tlhelpers as tl

Every name below is loaded when it is first used, so that importing the package costs next to
nothing beyond `import torch`.
"""

from __future__ import annotations

import importlib

_MODULES = {
    "core.errors": ["InputError", "AssetError"],
    "core.runtime": [
        "setup",
        "budget",
        "get_device",
        "get_profile",
        "seed_everything",
        "autocast",
        "Runtime",
    ],
    "core.memory": ["available_memory", "check_memory", "with_smaller_batches"],
    "core.assets": ["fetch", "data_dir"],
    "core.process_group": ["ProcessGroup", "connect"],
    "core.progress": ["Progress"],
    "data.decoding": ["load_image", "to_rgb"],
    "data.image_tensors": ["ImageTensors"],
    "data.duplicates": ["find_duplicates", "split_folder"],
    "data.image_folder": ["load_image_folder", "load_images", "decode_listing"],
    "data.augmentation": ["random_affine", "random_resized_crop", "color_jitter"],
    "data.loader": ["BatchLoader"],
    "data.domains": ["Domains"],
    "data.gratings": ["gratings"],
    "data.mnist_usps": ["mnist_usps"],
    "data.digits": ["font_glyphs", "handwriting", "digit_domains", "glyph_images"],
    "data.digit_tasks": ["digit_tasks"],
    "data.shifts": ["shift_images"],
    "data.word_vectors": ["WordVectors", "glove_vectors"],
    "data.small_world": ["small_corpus", "labelled_sentences"],
    "data.cohort": ["Cohort", "draw_cohort", "draw_shift", "illness_risk", "age_density_ratio"],
    "data.projections": ["line_sums"],
    "data.faces": ["load_faces"],
    "data.shapes": ["draw_shapes", "shape_attributes", "split_classes", "implied"],
    "data.captions": ["write_captions"],
    "models.backbone": ["Backbone"],
    "models.backbones": ["load_backbone", "list_backbones"],
    "models.source_networks": ["load_source", "list_sources"],
    "models.mini_vit": ["load_mini_vit"],
    "models.freezing": [
        "freeze",
        "unfreeze",
        "freeze_to",
        "freeze_batchnorm",
        "train_mode",
        "param_groups",
        "count_parameters",
        "fingerprint",
        "changed",
    ],
    "models.heads": ["get_head", "replace_head"],
    "fetching.fetch": ["fetch_assets"],
    "training.features": ["FeatureTensors", "extract_features", "linear_probe"],
    "training.metrics": ["History"],
    "training.run": ["Callback"],
    "training.callbacks": ["EarlyStopping"],
    "training.resuming": ["TrainingCheckpoint"],
    "training.loop": ["fit"],
    "training.evaluate": ["evaluate", "predict"],
    "training.checkpoints": ["save_checkpoint", "load_checkpoint"],
    "methods.adaptation.losses": [
        "linear_mmd",
        "mmd",
        "coral",
        "confusion_loss",
        "reverse_gradient",
        "reversal_schedule",
        "gradient_penalty",
        "mutual_information",
    ],
    "methods.adaptation.batchnorm": ["adapt_batchnorm"],
    "methods.adaptation.networks": ["digit_network", "domain_network", "domain_discriminator"],
    "methods.adaptation.trainer": ["adapt"],
    "methods.adaptation.domain_gap": ["domain_probe", "proxy_a_distance", "measure_domains"],
    "methods.fine_tuning": [
        "l2_sp",
        "distance_travelled",
        "interpolate_weights",
        "gradual_unfreezing",
        "discriminative_rates",
    ],
    "methods.lora": [
        "LoRALinear",
        "add_lora",
        "lora_layers",
        "merge_lora",
        "remove_lora",
        "save_lora",
        "load_lora",
        "trunk_digest",
    ],
    "methods.small_updates": [
        "train_head",
        "train_biases",
        "train_norms",
        "add_adapters",
        "add_prompts",
    ],
    "methods.forgetting": ["fisher_information", "ewc"],
    "methods.weight_averaging": ["average_weights", "task_vector", "add_task_vectors"],
    "methods.distillation": ["distillation_loss"],
    "methods.tent": ["tent", "mean_entropy"],
    "methods.transferability": ["log_me", "leep", "h_score", "probe_score"],
    "methods.shift": ["average_thresholded_confidence", "ShiftMonitor"],
    "methods.style.transfer": ["gram_matrix", "stylize", "Stylized"],
    "methods.style.vgg_features": ["layer_names", "VGGFeatures"],
    "methods.embeddings": ["cooccurrence", "pmi", "ppmi_svd", "nearest_words", "analogy"],
    "methods.relations": ["transition_matrix", "forward_backward", "map_predicates"],
    "methods.instance_weighting": [
        "importance_weights",
        "kernel_mean_matching",
        "effective_sample_size",
        "estimate_shares",
    ],
    "methods.tradaboost": ["tradaboost"],
    "methods.feature_alignment": [
        "LinearMap",
        "coral_map",
        "subspace_alignment",
        "transfer_components",
    ],
    "methods.bridging": ["ridge_bridge", "procrustes_bridge", "cca_bridge"],
    "methods.multi_task": [
        "UncertaintyWeighting",
        "coupling",
        "gradient_cosines",
        "pcgrad",
        "set_gradient",
        "task_gradients",
    ],
    "methods.metric_learning": [
        "pair_distances",
        "contrastive_loss",
        "triplet_loss",
        "prototypes",
        "prototype_logits",
        "balanced_batch",
        "episode_accuracies",
    ],
    "methods.self_supervised": ["rotation_batch", "nt_xent"],
    "methods.self_training": ["pseudo_labels"],
    "methods.zero_shot": ["signatures", "dap", "eszsl", "calibrated", "harmonic_mean", "tradeoff"],
    "methods.image_text": ["clip_loss", "picture_network", "TwoTower", "load_image_text"],
    "evaluation.statistics": [
        "Interval",
        "wilson_interval",
        "mean_interval",
        "mcnemar",
        "equal_steps",
    ],
    "evaluation.paired": ["paired_interval", "holm", "least_visible"],
    "evaluation.timing": ["race"],
    "evaluation.verification": [
        "error_rates",
        "threshold_for",
        "equal_error_rate",
        "equal_error_interval",
    ],
    "figures.show": ["show"],
    "figures.theme": ["PALETTE", "MARKERS", "use_style"],
    "figures.pictures": ["show_images"],
    "figures.curves": ["plot_history", "plot_lines", "plot_confusion_matrix", "plot_embedding"],
    "figures.differences": ["plot_differences"],
    "figures.bars": ["plot_parameters", "plot_bars", "plot_intervals"],
    "teaching.claims": ["verdict"],
    "teaching.sources": ["SOURCES", "sources_table"],
    "teaching.quizzes": ["quiz"],
    "teaching.upload_panel": ["upload_panel", "as_png"],
    "teaching.checks": ["check"],
    "teaching.progress_table": ["progress"],
    "teaching.advice": ["advise", "Advice"],
    "teaching.taxonomy": ["taxonomy_table"],
    "teaching.diagrams": ["draw_taxonomy"],
    "jobs.doctor": ["doctor"],
    "jobs.finetune": ["finetune"],
    "jobs.settings": ["Settings"],
    "jobs.prediction": ["load_finetuned"],
    "jobs.comparison": ["compare_runs"],
    "jobs.export": ["export"],
    "jobs.decisions": ["DecisionLog"],
    "jobs.rubric": ["grade", "rubric_table"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        from .core.errors import nearest

        raise AttributeError(f'tlhelpers has no "{name}".{nearest(name, _HOME)}')
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # found directly from now on
    return value


def __dir__() -> list[str]:
    return __all__
