from enum import Enum
from typing import Any, Dict, List, Literal, Optional, Tuple, Union

import pydantic
import sieve


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


class Clip(pydantic.BaseModel):
    video: sieve.Video
    start: float = 0.0


class Box(sieve.Struct):
    left: int
    right: int = 9
    picture: sieve.Image


@sieve.function(name="typed", restart_on_error=False)
def everything(
    mode: Literal["a", "b"],
    speed: Speed = Speed.SLOW,
    words: List[str] = [],
    sizes: Dict[str, int] = {},
    maybe: Optional[int] = None,
    either: Union[int, List[int]] = 0,
    pair: Tuple[int, str] = (0, ""),
    share: float = 0.5,
    clip: Optional[Clip] = None,
    box: Optional[Box] = None,
    picture: Union[sieve.Image, str, None] = None,
    open_to_all: Any = None,
    untyped=None,
):
    seen = {
        name: f"{type(value).__name__}"
        for name, value in locals().items()
        if value is not None
    }
    facts = [speed, share, pair, either, untyped]
    if clip is not None:
        with open(clip.video.path) as file:
            facts.append([file.read(), clip.start, clip.video.take])
    if box is not None:
        facts.append([box.left, box.right, type(box.picture).__name__, box.note])
    return {"types": seen, "facts": facts}
