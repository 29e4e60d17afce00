"""Another interpreter is asked something: the text of some modules goes there, one of them answers in JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from assayline.errors import NotFound, Unreadable

TIMEOUT_SECONDS = 300.0
# Standard output is kept for the answer, whatever imported libraries print. What is optional may fail to load in an old interpreter.
_CHILD = """\
import json, os, sys, types
out = os.dup(1); os.dup2(2, 1)
sys.path[:] = [path for path in sys.path if path]
request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
modules = {}
for name, text in request.pop("modules").items():
    module = modules[name] = types.ModuleType("assay_" + name)
    sys.modules["assay_" + name] = module
    try:
        exec(compile(text, name, "exec"), module.__dict__)
    except Exception:
        if name not in request["optional"]: raise
        modules[name] = None
answer = modules[request["answers"]].answer(request, modules)
with os.fdopen(out, "wb") as file:
    file.write(json.dumps(answer).encode("utf-8"))
"""


def interpreter_at(path: str) -> str:
    """The interpreter itself where the folder of a virtual environment was named."""
    places = (os.path.join(path, "bin", "python"), os.path.join(path, "Scripts", "python.exe"))
    return next((place for place in places if os.path.isfile(place)), path) if os.path.isdir(path) else path


def asked(
    python: str, files: Mapping[str, str], answers: str, request: Mapping[str, Any], *, optional: tuple[str, ...] = (), variables: Mapping[str, str] | None = None,
    seconds: float = TIMEOUT_SECONDS, advice: str = "name a Python of version 3.8 or later",
) -> dict[str, Any]:  # fmt: skip
    """What `answer(request, modules)` of one of these modules says in another interpreter, as a dictionary.

    Args:
        python: the interpreter, or the folder of a virtual environment.
        files: by name, the modules that go there; they may use the standard library only.
        answers: name of the one that answers.
        request: what it is asked, in JSON values.
        optional: modules that may fail to load there.
        variables: environment variables that are set for it beside those of this process.
        seconds: how long it may take.
        advice: what to do where it fails.

    Raises:
        NotFound: there is no such interpreter.
        Unreadable: it gave no answer, or not in time.
    """
    whole = {**request, "modules": {name: _text(path) for name, path in files.items()}, "answers": answers, "optional": list(optional)}
    try:
        # Not `-I`: PYTHONPATH and the like are part of what is asked about.
        done = subprocess.run(
            [interpreter_at(python), "-c", _CHILD], input=json.dumps(whole).encode(), capture_output=True, timeout=seconds, check=False, env={**os.environ, **(variables or {})}
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise NotFound(python, f"this interpreter cannot be started ({error.strerror})", next_step="name the python of the environment, such as venv/bin/python") from error
    except OSError as error:
        raise Unreadable(python, f"this is no program that can be run here ({error.strerror})", next_step="name the python of the environment") from error
    except subprocess.TimeoutExpired as error:
        raise Unreadable(python, f"it gave no answer within {seconds:g} seconds", next_step="see what it does, or give it more time") from error
    try:
        answer = json.loads(done.stdout)
        if not isinstance(answer, dict):
            raise ValueError("no answer")
    except ValueError as error:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise Unreadable(python, f"it gave no answer (exit code {done.returncode}: {last[:300]})", next_step=advice) from error
    return answer


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
