import tempfile
import time

import sieve

enhance = sieve.function.get("me/audio-enhance")  # asks nobody yet
COUNTDOWN = sieve.function.get("me/countdown")


@sieve.function(name="dub", restart_on_error=False)
def dub(audio: sieve.Audio, words: int = 2):
    better = enhance.push(audio, strength=2)  # by place and by name
    print("pushed", better.job["id"], better.job["status"])
    better = better.result()
    twice = enhance.run(audio=better, strength=1)
    rows = sieve.function.get("me/stream-rows").run(["int", "struct", "tuple"])
    first = next(rows)
    print("the first is", first)
    span, (video, facts) = rows
    local = f"{tempfile.mkdtemp()}/made.txt"
    with open(local, "w") as out:
        out.write("made by the parent")
    same, told = sieve.function.get("me/audio-length").run(sieve.File(path=local))
    with open(same.path) as file:
        content = file.read()
    failing = sieve.function.get("me/unwell").push("raise")
    try:
        failing.result()
    except ValueError as error:
        message = str(error).splitlines()[-1]
    try:
        enhance(audio)
    except RuntimeError as error:
        direct = str(error)
    return {
        "audio": twice,
        "kind": type(twice).__name__,
        "strength": better.strength,
        "span": [span.start, span.end, type(span.picture).__name__],
        "tuple": [type(video).__name__, facts],
        "told": told,
        "content": content,
        "message": message,
        "direct": direct,
        "exception": type(failing.exception()).__name__,
        "done": [failing.done(), failing.running(), failing.cancelled()],
    }


@sieve.function(name="countdown", restart_on_error=False)
def countdown(number: int):
    return [number, *COUNTDOWN.run(number=number - 1)] if number else [0]


@sieve.function(name="patient")
def patient(text: str):
    pushed = sieve.function.get("me/greet").push(name=text)
    while not pushed.done():
        time.sleep(0.05)
    return pushed.result()
