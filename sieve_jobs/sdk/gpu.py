"""The machines a function may ask for, as `sieve.gpu.T4(split=2)`, a bool or a name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

KINDS = ("cpu", "t4", "l4", "v100", "a100", "a100-20gb")
"""Values of a version's `compute_type`. Source: Sieve's openapi.json, the keys of usage by machine."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A machine kind, and how many workers share one machine. Raises ValueError for what is neither."""

    kind: str
    split: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown machine {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.split < 1:
            raise ValueError(f"split counts from 1, got {self.split}")

    @property
    def is_gpu(self) -> bool:
        return self.kind != "cpu"


CPU = partial(Gpu, "cpu")
T4 = partial(Gpu, "t4")
L4 = partial(Gpu, "l4")
V100 = partial(Gpu, "v100")
A100 = partial(Gpu, "a100")
A10020GB = partial(Gpu, "a100-20gb")


def as_gpu(given: Gpu | partial[Gpu] | bool | str | None) -> Gpu:
    """The machine a declaration names in any of its forms. True is a T4, the smallest; that choice is ours."""
    if isinstance(given, Gpu):
        return given
    if isinstance(given, partial):
        return given()
    if isinstance(given, str):
        return Gpu(given.lower())
    return T4() if given else CPU()
