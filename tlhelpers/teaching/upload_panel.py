"""Widgets that paint a picture of the reader's own: choose a file and a style, watch, save."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from ..core.errors import InputError
from ..core.notebook import callout

_FALLBACK = "With a running kernel you choose a picture of your own here, and a style for it."


class UploadPanel:
    """Buttons, progress and the painted picture; make it with `upload_panel()`.

    `upload`, `style`, `start` and `save` are the widgets a reader uses: setting `upload.value` and
    calling `start.click()` do what a mouse does. `image` is the last picture painted, or None.
    """

    def __init__(
        self, paint: Callable, styles: Iterable[str], folder: str | Path | None = None
    ) -> None:
        from ipywidgets import HTML, Button, Dropdown, FileUpload, HBox, Output, VBox

        self._paint, self.folder, self.image = paint, folder, None
        self.upload = FileUpload(accept="image/*", multiple=False, description="Your picture")
        self.style = Dropdown(options=list(styles), description="style")
        self.start = Button(description="Paint")
        self.save = Button(description="Save as PNG", disabled=True)
        self.message, self.progress, self.picture = HTML(), Output(), HTML()
        buttons = HBox([self.upload, self.style, self.start, self.save])
        self._box = VBox([buttons, self.progress, self.message, self.picture])
        self.upload.observe(self._on_upload, names="value")
        self.start.on_click(self._on_start)
        self.save.on_click(self._on_save)

    def _on_upload(self, change) -> None:
        if change.new:
            self._on_start()

    def _on_start(self, _button=None) -> None:
        if not self.upload.value:
            self.message.value = callout("mixed", "No picture yet", "Choose a file first.")
            return
        self.message.value, self.picture.value, self.image = "", "", None
        self.progress.clear_output()
        widgets = (self.upload, self.start, self.save)
        for widget in widgets:
            widget.disabled = True
        try:
            with self.progress:  # what `paint` prints appears here, an unexpected error too
                self._show()
        finally:
            for widget in widgets:
                widget.disabled = False
            self.save.disabled = self.image is None

    def _show(self) -> None:
        file = self.upload.value[0]
        try:
            image = self._paint(io.BytesIO(file["content"]), self.style.value).image
        except InputError as error:
            self.message.value = callout("bad", f"{file['name']} cannot be painted", str(error))
            return
        self.image, self._style = image, self.style.value
        data = base64.b64encode(as_png(image)).decode("ascii")
        alt = html.escape(f"{file['name']} painted in the style {self._style}")
        self.picture.value = (
            f'<img src="data:image/png;base64,{data}" alt="{alt}" style="width:400px">'
        )

    def _on_save(self, _button=None) -> None:
        stem = re.sub(r"[^\w-]+", "_", Path(self.upload.value[0]["name"]).stem)
        folder = Path(self.folder or Path.cwd())
        path, number = folder / f"painted_{stem}_{self._style}.png", 2
        while path.exists():  # nothing is overwritten
            path, number = folder / f"painted_{stem}_{self._style}_{number}.png", number + 1
        try:
            path.write_bytes(as_png(self.image))
        except OSError as error:
            self.message.value = callout("bad", "Not saved", f"{path}: {error.strerror}")
            return
        self.message.value = callout("good", "Saved", f"`{path}`")

    def __repr__(self) -> str:
        return f"[{_FALLBACK}]"

    def _repr_mimebundle_(self, **_) -> dict:
        """The widgets where a kernel runs; front ends and exports without one take the text."""
        return {
            **self._box._repr_mimebundle_(),
            "text/html": f"<p><em>{_FALLBACK}</em></p>",
            "text/plain": repr(self),
        }


def upload_panel(
    paint: Callable, styles: Iterable[str], folder: str | Path | None = None
) -> UploadPanel:
    """A panel that paints a file of the reader's own; the call is the last line of its cell.

    Args:
        paint: function (open file, style) -> a result with `.image`, float (3, H, W) in [0, 1],
            such as `tl.stylize` returns. Its `InputError` is shown as a message.
        styles: names to choose from.
        folder: where *Save as PNG* puts the picture; None is the working folder.
    """
    return UploadPanel(paint, styles, folder)


def as_png(image: torch.Tensor) -> bytes:
    """A picture (3, H, W) in [0, 1] as the bytes of a PNG file."""
    from PIL import Image

    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(stream, "PNG")
    return stream.getvalue()
