"""An environment of the peers' own, so that nothing of theirs comes into ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import REPOSITORY
from benchmarks.problems import Failed, Missing

_REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")
_SCRIPTS = Path(__file__).with_name("peer_scripts")
_HOME = REPOSITORY / "build" / "bench-peers"


def python() -> Path:
    """The interpreter of the peers' environment, which is made when it is missing or out of date. Raises Missing."""
    stamp = _HOME / "installed"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        _install()
        stamp.write_text(wanted)
    return _HOME / "bin" / "python"


def _install() -> None:
    print(f"installing the peers into {_HOME} …", file=sys.stderr)
    shutil.rmtree(_HOME, ignore_errors=True)
    venv.create(_HOME, with_pip=True)
    command = [str(_HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--require-hashes", "-r", str(_REQUIREMENTS)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"the peers cannot be installed (is the package index reachable?):\n{done.stderr[-1000:]}")


def command(script: str, *arguments: str) -> list[str]:
    """How a script of `peer_scripts` is run in the peers' environment. Raises Missing."""
    return [str(python()), str(_SCRIPTS / script), *arguments]


def ask(script: str, *arguments: str, given: Any = None, env: Mapping[str, str] | None = None) -> Any:
    """Run a script to its end, with JSON on its stdin; the JSON that it prints. Raises Missing or Failed."""
    done = subprocess.run(
        command(script, *arguments),
        input=json.dumps(given),
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise Failed(f"{script} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
