import tempfile

import av
import sieve


@sieve.function(name="frames", python_packages=["av"], gpu=sieve.gpu.T4())
def split(video: sieve.Video, every: int = 1):
    print(f"{video.frame_count} frames of {video.width}x{video.height} at {video.fps:g} per second")
    with av.open(video.path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                path = f"{tempfile.mkdtemp()}/frame-{number:03}.png"
                write_png(frame, path)
                yield sieve.Image(path=path, frame_number=number, fps=video.fps)


def write_png(frame, path):
    with av.open(path, "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream("png", rate=1, width=frame.width, height=frame.height, pix_fmt="rgb24")
        for packet in [*stream.encode(frame.reformat(format="rgb24")), *stream.encode(None)]:
            out.mux(packet)


@sieve.function(
    name="picture-size",
    gpu=False,
    python_packages=None,
    python_version="3.11",
    system_packages=["libgl1"],
    system_version="22.04",
    cuda_version="11.8",
    machine_type=None,
    iterator_input=False,
    persist_output=False,
    run_commands=["echo built"],
    environment_variables=[],
    metadata=sieve.Metadata(title="Size", image="https://example.com/cover.png", code_url="https://example.com"),
    restart_on_error=True,
)
def size(image: sieve.Image):
    return {"width": image.width, "height": image.height, "channels": image.channels}
