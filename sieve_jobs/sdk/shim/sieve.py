"""`import sieve` inside the engine: the same names as `from sieve_jobs import sdk as sieve`."""

from sieve_jobs.sdk import Audio, Env, FatalException, File, Image, Metadata, Model, Video, function, gpu

__all__ = ["Audio", "Env", "FatalException", "File", "Image", "Metadata", "Model", "Video", "function", "gpu"]
