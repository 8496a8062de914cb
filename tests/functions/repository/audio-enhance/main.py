import tempfile

from gain import louder  # in a sub-folder, which is on the path
from sieve import *

from .naming import output_name


@function(name="audio-enhance", gpu=gpu.A100(split=2), python_packages=["numpy>=1.24"])
def enhance(audio: Audio, strength: float = 1) -> Audio:
    with open(audio.path, "rb") as file:
        content = louder(file.read(), strength)
    path = f"{tempfile.mkdtemp()}/{output_name(audio.path)}"
    with open(path, "wb") as file:
        file.write(content)
    return Audio(path=path, strength=strength, speaker=getattr(audio, "speaker", None))


@function(name="audio-length")
def length(audio: File):
    with open(audio.path, "rb") as file:
        size = len(file.read())
    return audio, {"bytes": size}
