"""What user functions import: `from sieve_jobs import sdk as sieve`, or plainly `import sieve` in the engine.

A clean-room shim of the part of Sieve's Python package that functions are declared with. Light on purpose:
a worker imports it for every function. `bind` turns a job's JSON inputs into arguments, `encode` turns results
into JSON outputs; both are the engine's side and are not imported from here.
"""

from sieve_jobs.sdk import gpu
from sieve_jobs.sdk.declare import Env, FatalException, Metadata, Model, function
from sieve_jobs.sdk.files import Audio, File, Image, Video

__all__ = [
    "Audio",
    "Env",
    "FatalException",
    "File",
    "Image",
    "Metadata",
    "Model",
    "Video",
    "function",
    "gpu",
]
