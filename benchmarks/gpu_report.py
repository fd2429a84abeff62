"""The GPU benchmark's figures in words."""

from __future__ import annotations

from .gpu_common import TARGETS


def report(found: dict) -> str:
    """The figures that matter, a line each."""
    lines = []
    if "copy_gb_s" in (p := found.get("peaks", {})):
        rates = [p[k]["median"] for k in ("bf16_tflops", "tf32_tflops", "copy_gb_s")]
        lines.append("peak: bf16 {:.1f}, TF32 {:.1f} TFLOP/s, copy {:.0f} GB/s".format(*rates))
    for batch, f in found.get("finetuning", {}).items():
        if isinstance(f, dict):
            lines.append(
                f"fine-tuning, batch {batch}: fit {f['fit_images_s']['median']:.0f}, bare step "
                f"{f['bare_images_s']['median']:.0f} images/s (share {f['share']['median']:.3f}, "
                f"target {TARGETS['share of the bare step']}), roofline "
                f"{f['roofline_images_s']:.0f}"
            )
            if gap := f.get("gap"):
                walls, busy, calls = (
                    gap[key] for key in ("wall_ms_per_step", "busy", "launches_per_step")
                )
                lines.append(
                    f"  fit | bare: {walls[0]:.2f} | {walls[1]:.2f} ms a step, device busy "
                    f"{busy[0]:.2f} | {busy[1]:.2f}, launches {calls[0]:.0f} | {calls[1]:.0f}"
                )
                lines += [
                    f"  {row['ms']:8.3f} | {row['other_ms']:8.3f} ms  {row['name']}"
                    for row in gap["operations"][:8]
                ]
    for name, rate in found.get("levers", {}).get("images_s", {}).items():
        lines.append(f"bare step, {name}: {rate['median']:.0f} images/s")
    for batch, r in found.get("recipe", {}).items():
        if isinstance(r, dict):
            rate, workers = r["images_s"]["median"], r["workers"]
            lines.append(f"tutorial's loop, batch {batch}, {workers} workers: {rate:.0f} images/s")
    if "training" in found.get("job", {}):
        j = found["job"]
        lines.append(
            f"ants/bees, {j['epochs']} epochs ({j['data']}): start-up {j['start_up']['median']:.2f}"
            f" s, training {j['training']['median']:.2f} s (target {TARGETS['training seconds']})"
        )
    if "seconds" in found.get("style", {}):
        s = found["style"]
        lines.append(
            f"style, {s['size']} px, {s['evaluations'][0]} evaluations: "
            f"{s['seconds']['median']:.2f} s (target {TARGETS['style seconds']}), roofline "
            f"{s['roofline_seconds']:.2f} s"
        )
    if "went_on_with" in found.get("backing_off", {}):
        b = found["backing_off"]
        how = " (simulated)" if b["simulated"] else ""
        lines.append(f"out of memory at {b['asked']}: went on with {b['went_on_with']}{how}")
    if "outcome" in found.get("tests", {}):
        lines.append(f"tests: {found['tests']['outcome']}")
    lines += [f"FAILED {name}: {f['failed']}" for name, f in found.items() if "failed" in f]
    return "\n".join(lines)
