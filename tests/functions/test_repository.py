"""Functions as repositories have them, unmodified, on a running engine: outputs, logs and errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.engine.launch import Running, attach_with
from tests.engine.conftest import settings_for
from tests.engine.farside import Client, data
from tests.functions.clips import RED, Scene, make_clip

REPOSITORY = Path(__file__).parent / "repository"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(REPOSITORY, root / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "in.mp3").write_text("sound")
    make_clip(root / "clip.mp4", [Scene(RED, 3)])
    return root


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[Running]:
    with attach_with(settings_for(root, workers=2)) as running:
        yield running


@pytest.fixture(scope="module")
def client(engine: Running) -> Iterator[Client]:
    with Client(engine.url, engine.key) as client:
        yield client


def fetched(client: Client, value: Any) -> str:
    """The content of an output file, by its URL."""
    return client.http.get(value["url"]).text


def test_everything_is_listed_in_the_readme_and_found(client: Client):
    listed = {row.split("|")[1].strip() for row in (REPOSITORY / "README.md").read_text().splitlines() if "/" in row}
    names = {function["name"] for function in client.http.get("/v2/functions").json()}
    assert names == listed
    assert len(names) >= 12


def test_a_module_reads_its_readme_when_imported_and_its_data_when_run(client: Client):
    job_id = client.push("greet", {"name": "Ada", "language": "de"})
    assert data(client.end_of(job_id)) == ["Hallo, Ada"]
    lines = client.lines(job_id)
    assert any(line[1].startswith("python_packages are not installed") for line in lines)
    assert [line for line in lines if line[0] != "build"] == [
        ("import", "INFO greeting: words are loaded when they are needed"),
        ("run", "INFO greeting: greeting Ada"),
    ]
    shown = client.http.get("/v2/functions/me/greet").json()
    assert shown["readme"] == (REPOSITORY / "greeting" / "README.md").read_text()
    version = shown["latest_version"]
    assert version["python_packages"] == ["requests==2.31.0"]
    assert [(item["name"], item["type"], item["description"]) for item in version["inputs"]] == [
        ("name", "str", "Whom to greet"),
        ("language", "str", None),
    ]


def test_star_and_relative_imports_in_a_folder_with_a_dash(client: Client, root: Path):
    audio = {"url": (root / "in.mp3").as_uri(), "speaker": "Ada"}
    (out,) = client.run("audio-enhance", {"audio": audio, "strength": 2})["outputs"]
    assert (out["type"], out["data"]["strength"], out["data"]["speaker"]) == ("sieve.Audio", 2.0, "Ada")
    assert out["data"]["url"].partition("?")[0].endswith("/in-enhanced.mp3")
    assert fetched(client, out["data"]) == "SOUND"


def test_a_file_by_a_bare_url_and_a_tuple_of_a_file_and_a_dict(client: Client, root: Path):
    (out,) = client.run("audio-length", [(root / "in.mp3").as_uri()])["outputs"]
    assert (out["type"], out["data"][1]) == ("tuple", {"bytes": 5})
    assert fetched(client, out["data"][0]) == "sound"


def test_a_class_is_set_up_once_with_the_env_it_declares(client: Client):
    env = {"VOCABULARY": "one,two"}
    first = client.push("captions", {"count": 1}, env=env)
    assert data(client.end_of(first)) == [[{"text": "one", "call": 1}]]
    assert client.lines(first) == [("setup", "loading weights"), ("run", "temperature 0.5")]
    assert data(client.run("captions", {"count": 2}, env=env))[0][1] == {"text": "two", "call": 2}
    assert client.send("captions", {"count": 2}).json() == {"detail": "Missing environment variable: VOCABULARY"}
    assert data(client.run("shout-captions", {"texts": ["a"]})) == [["A"]]
    version = client.http.get("/v2/functions/me/shout-captions").json()["latest_version"]
    assert (version["compute_type"], version["gpu"], version["split"]) == ("a100-20gb", True, 1)


def test_a_film_tells_of_itself_and_comes_out_as_pictures(client: Client, root: Path):
    job_id = client.push("frames", {"video": {"url": (root / "clip.mp4").as_uri()}, "every": 2})
    outputs = client.end_of(job_id)["outputs"]
    lines = client.lines(job_id)
    assert ("build", "run_commands are not run: nothing of this machine is changed") in lines
    assert lines[-1] == ("run", "3 frames of 64x48 at 10 per second")
    assert [(out["type"], out["data"]["frame_number"], out["data"]["fps"]) for out in outputs] == [
        ("sieve.Image", 0, 10.0),
        ("sieve.Image", 2, 10.0),
    ]
    image = {"url": outputs[0]["data"]["url"]}
    assert data(client.run("picture-size", {"image": image})) == [{"width": 64, "height": 48, "channels": 3}]
    given = {**image, "width": 7}
    assert data(client.run("picture-size", [given]))[0]["width"] == 7


def test_every_annotation(client: Client, root: Path):
    file = {"url": (root / "in.mp3").as_uri()}
    inputs = {
        "mode": "b",
        "speed": "fast",
        "words": ["x"],
        "sizes": {"a": 1},
        "maybe": 4,
        "either": [1, 2],
        "pair": [1, "y"],
        "share": 1,
        "clip": {"video": {**file, "take": 2}, "start": 1.5},
        "box": {"left": 1, "picture": file, "note": "kept"},
        "picture": file,
        "open_to_all": [None],
        "untyped": {"any": 1},
    }
    (out,) = data(client.run("typed", inputs))
    assert out["types"] == {
        "mode": "str",
        "speed": "Speed",
        "words": "list",
        "sizes": "dict",
        "maybe": "int",
        "either": "list",
        "pair": "tuple",
        "share": "float",
        "clip": "Clip",
        "box": "Box",
        "picture": "Image",
        "open_to_all": "list",
        "untyped": "dict",
    }
    facts = ["fast", 1.0, [1, "y"], [1, 2], {"any": 1}, ["sound", 1.5, 2], [1, 9, "Image", "kept"]]
    assert out["facts"] == facts
    version = client.http.get("/v2/functions/me/typed").json()["latest_version"]
    assert {item["name"]: item["type"] for item in version["inputs"]} == {
        "mode": "str",
        "speed": "Speed",
        "words": "list",
        "sizes": "dict",
        "maybe": "int",
        "either": "any",
        "pair": "tuple",
        "share": "float",
        "clip": "Clip",
        "box": "Box",
        "picture": "any",
        "open_to_all": "any",
        "untyped": "any",
    }


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        pytest.param({"mode": "c"}, "Invalid input: c. Expected one of ('a', 'b') (input 'mode')", id="literal"),
        pytest.param({}, "Too few inputs: 'mode' is missing", id="too-few"),
        pytest.param(["a"] * 14, "Too many inputs: 14 given, 13 expected", id="too-many"),
        pytest.param({"mode": "a", "nope": 1}, "Invalid input name: nope", id="name"),
        pytest.param(
            {"mode": "a", "words": "x"},
            "Invalid input type: <class 'str'>. Expected typing.List[str] (input 'words')",
            id="type",
        ),
        pytest.param({"mode": "a", "box": {"left": "x"}}, "Expected <class 'int'> (input 'box.left')", id="field"),
        pytest.param({"mode": "a", "clip": {"start": 1}}, "video: Field required (input 'clip')", id="pydantic"),
    ],
)
def test_inputs_that_do_not_fit_end_the_job_in_sieves_words(client: Client, inputs: Any, error: str):
    job = client.run("typed", inputs)
    assert (job["status"], job["outputs"]) == ("error", [])
    assert error in job["error"]


FILE = ("_path", "url")
ROWS = {
    "file": ("sieve.File", FILE),
    "video": ("sieve.Video", {"fps": 25, "frame_number": 3}),
    "audio": ("sieve.Audio", FILE),
    "image": ("sieve.Image", {"width": 4}),
    "remote": ("sieve.Video", {"url": "https://example.com/clip.mp4?x=1", "lang": "en"}),
    "str": ("str", "text"),
    "int": ("int", 3),
    "float": ("float", 0.5),
    "bool": ("bool", True),
    "none": ("any", None),
    "dict": ("dict", {"n": 1}),
    "list": ("list", [{"text": "hi"}, 2]),
    "pydantic": ("Verdict", {"ok": True}),
    "struct": ("Span", {"start": 0.5, "end": 1.0}),
    "dataclass": ("Point", {"x": 1, "y": 2}),
    "enum": ("Colour", "red"),
}


def test_every_row_of_outputs_returned_and_yielded(client: Client):
    streamed = client.run("stream-rows", {"which": [*ROWS]})["outputs"]
    assert [out["type"] for out in streamed] == [kind for kind, _ in ROWS.values()]
    returned = [client.run("rows", {"which": name})["outputs"] for name in ("file", "none", "struct")]
    assert [[out["type"] for out in outputs] for outputs in returned] == [["sieve.File"], ["any"], ["Span"]]
    for name, out in zip(ROWS, streamed, strict=True):
        expected = ROWS[name][1]
        if expected is FILE:
            assert (out["data"].keys(), out["data"]["_path"]) == (set(FILE), None)
        elif isinstance(expected, dict):
            assert out["data"].items() >= expected.items()
        else:
            assert out["data"] == expected
    found = dict(zip(ROWS, (out["data"] for out in streamed), strict=True))
    files = [found["file"], found["dict"]["en"], found["dict"]["deep"][0]["de"], found["pydantic"]["proof"]]
    contents = [fetched(client, file) for file in [*files, found["struct"]["picture"]]]
    assert contents == ["out.txt", "en.srt", "de.srt", "proof.txt", "span.png"]


@pytest.mark.parametrize(
    ("which", "error"),
    [
        pytest.param("nothing-json", "output has no JSON form: rows.main.Unsendable", id="a-class-of-its-own"),
        pytest.param("bytes", "output has no JSON form: bytes; write them to a file", id="bytes"),
    ],
)
def test_what_has_no_json_form_is_an_error_and_never_a_pickle(client: Client, which: str, error: str):
    job = client.run("rows", {"which": which})
    assert (job["status"], job["outputs"]) == ("error", [])
    assert error in job["error"]


def test_a_module_of_old_runs_and_knows_no_key_but_its_pass(client: Client):
    (out,) = data(client.run("legacy", {"text": "hi"}))
    names = ["JOBS_WORKER", "JOB_ID", "MODEL_ID", "ORGANIZATION_ID", "RUN_ID", "WORKFLOW_ID", "WORKFLOW_NAME"]
    assert out.startswith("shared hi legacy [")
    assert {f"'SIEVE_{name}'" for name in names} == set(out.partition("[")[2].rstrip("]").split(", "))


@pytest.mark.parametrize(
    ("how", "error", "survives"),
    [
        pytest.param("raise", "ValueError: not well", True, id="raises"),
        pytest.param("connection", "ConnectionRefusedError: nobody is there", True, id="connection-error"),
        pytest.param(
            "push-nowhere",
            "me/not-there: POST /v2/push was answered 404: Function not found.",
            True,
            id="pushes-nowhere",
        ),
        pytest.param("fatal", "FatalException: not well at all", False, id="fatal"),
    ],
)
def test_errors_and_whether_the_worker_survives_them(client: Client, how: str, error: str, survives: bool):
    (before,) = data(client.run("unwell", {"how": "pid"}))
    job = client.run("unwell", {"how": how})
    assert (job["status"], job["restarts"], job["error"].splitlines()[-1].endswith(error)) == ("error", [], True)
    (after,) = data(client.run("unwell", {"how": "pid"}))
    assert (before == after) is survives


def test_a_job_pushes_jobs_hands_them_files_and_is_their_parent(client: Client, root: Path):
    job_id = client.push("dub", {"audio": {"url": (root / "in.mp3").as_uri()}})
    job = client.end_of(job_id)
    (out,) = data(job)
    assert fetched(client, out.pop("audio")) == "SOUND"
    assert out.pop("message").startswith("ValueError: not well")
    assert out.pop("direct").startswith("me/audio-enhance runs elsewhere")
    assert out == {
        "kind": "Audio",
        "strength": 2.0,
        "span": [0.5, 1.0, "File"],
        "tuple": ["File", {"score": 0.5}],
        "told": {"bytes": 18},
        "content": "made by the parent",
        "exception": "ValueError",
        "done": [True, False, False],
    }
    counts = {function: len(ids) for function, ids in job["children"].items()}
    assert counts == {"me/audio-enhance": 2, "me/stream-rows": 1, "me/audio-length": 1, "me/unwell": 1}
    pushed = job["children"]["me/audio-enhance"][0]
    assert client.lines(job_id)[:2] == [("run", f"pushed {pushed} queued"), ("run", "the first is 3")]
    assert client.job(pushed)["children"] is None


def test_parents_that_wait_leave_their_places(client: Client):
    pushed = [client.push("countdown", {"number": 2}) for _ in range(3)]
    assert [data(client.end_of(job_id)) for job_id in pushed] == [[[2, 1, 0]]] * 3


def test_parents_that_only_look_leave_their_places_too(client: Client):
    pushed = [client.push("patient", {"text": name}) for name in "abc"]
    assert [data(client.end_of(job_id)) for job_id in pushed] == [["Hello, a"], ["Hello, b"], ["Hello, c"]]


@pytest.fixture
def outside(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process as any program with the engine's address and key."""
    monkeypatch.setenv("SIEVE_API_URL", engine.url)
    monkeypatch.setenv("SIEVE_API_KEY", engine.key)


@pytest.mark.usefixtures("outside")
def test_a_program_outside_pushes_and_gets_values(root: Path):
    greet = sieve.function.get("me/greet")
    assert greet.run("Ada") == "Hello, Ada"
    assert greet.run("Ada", language="de") == "Hallo, Ada"
    pushed = greet.push(name="Ada", webhooks=[])
    assert (pushed.result(timeout=20), pushed.exception(), pushed.done(), pushed.running()) == (
        *("Hello, Ada", None),
        *(True, False),
    )
    assert pushed.job["status"] == "queued"
    audio, facts = sieve.function.get("me/audio-length").run(sieve.File(path=root / "in.mp3", take=2))
    assert (Path(audio.path).read_text(), audio.take, facts) == ("sound", 2, {"bytes": 5})
    assert sieve.get(pushed.job["id"])["status"] == "finished"
    assert sieve.logs(pushed.job["id"])[-1] == "INFO greeting: greeting Ada"
    assert sieve.whoami()["name"] == "me"
    with pytest.raises(ValueError, match=r"404: Function not found\."):
        sieve.function.get("me/nobody").run()
    with pytest.raises(ValueError, match=r"Expected one of \('a', 'b'\)"):
        sieve.function.get("me/typed").run("z")
    with pytest.raises(ValueError, match="401"):
        greet.push("Ada", override_api_key="another")


@pytest.mark.usefixtures("outside")
def test_a_program_outside_gets_outputs_as_they_come(client: Client):
    rows = sieve.function.get("me/stream-rows").run(which=["video", "none", "dict", "struct", "bytes"])
    video = next(rows)
    assert (type(video), video.fps, Path(video.path).read_text()) == (sieve.Video, 25, "out.mp4")
    none, nested, span = (next(rows) for _ in range(3))
    assert none is None
    assert Path(nested["deep"][0]["de"].path).read_text() == "de.srt"
    assert (span.start, span.end) == (0.5, 1.0)
    with pytest.raises(ValueError, match="no JSON form: bytes"):
        next(rows)


@pytest.mark.usefixtures("outside")
def test_the_log_of_a_run_is_printed_where_it_is_asked_for(capfd: pytest.CaptureFixture[str]):
    assert sieve.function.get("me/greet").run("Ada", print_logs=True) == "Hello, Ada"
    assert "INFO greeting: greeting Ada" in capfd.readouterr().out
