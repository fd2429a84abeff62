"""What was found of pictures that a data set holds more than once, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .class_files import count, some


@dataclass
class Repeats:
    """Pictures that a data set holds more than once, by name.

    Attributes:
        groups: the copies of each picture, exact ones or not; files: how many images are in groups.
        exact: images that are, byte for byte, another one.
        reported: test images that repeat an image of the training or validation set -> that image.
        left_out: validation images that repeat a training image; they are not used.
        torn: groups with images of more than one class: at least one label is wrong.
    """

    groups: list[list[str]] = field(default_factory=list)
    exact: int = 0
    reported: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    torn: list[list[str]] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many images have a copy."""
        return sum(map(len, self.groups))

    def sentences(self) -> list[str]:
        """What was found, for a reader of the results; empty when there is nothing."""
        said = []
        if self.groups:
            said.append(
                f"{self.files} images are {count(self.groups, 'picture')} in several copies "
                f"({self.exact} the same file; others resized, cropped, mirrored, saved again or "
                f"taken in one burst): {_shown(self.groups)}. Where images are split at random, "
                "all copies of a picture are in one part."
            )
        if self.reported:
            number = count(self.reported, "test image")
            said.append(
                f"{number} {_verb('repeat', self.reported)} an image of the training or validation "
                f"set and {_verb('do', self.reported)} not count in the figures: "
                f"{_shown(self.reported.items())}."
            )
        if self.left_out:
            said.append(
                f"{count(self.left_out, 'validation image')} {_verb('repeat', self.left_out)} a "
                f"training image, and {_verb('be', self.left_out)} not used: "
                f"{_shown(self.left_out.items())}."
            )
        if self.torn:
            said.append(
                f"{count(self.torn, 'picture')} {_verb('lie', self.torn)} in more than one class, "
                f"so a label is wrong: {_shown(self.torn)}."
            )
        return said


def _verb(verb: str, things) -> str:
    singular = {"do": "does", "be": "is"}.get(verb, verb + "s")
    return singular if len(things) == 1 else {"be": "are"}.get(verb, verb)


def _shown(groups: Iterable[Sequence[str]]) -> str:
    return some([" = ".join(group[:3]) for group in groups], 3)
