"""The figures on the labelled corpus, where it lies beside the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY.parent / "shared" / "data" / "bounces"
EVALUATION = REPOSITORY.parent / "shared" / "tools" / "bounce_eval.py"
COMMAND = """
import json, sys
from pathlib import Path
from bounce_handler.parsing.lines import lines
for line in lines([Path(sys.argv[-1])]):
    print(json.dumps(line))
"""
FLOOR = {"recipient": 99.5, "exact": 99.0, "outcome": 99.0, "hard_soft": 97.0, "reason": 95.5}
"""Some labels of hardness and reason contradict their mail, or one another for the same words."""

needs_corpus = pytest.mark.skipif(
    not (CORPUS / "labels.json").is_file() or not EVALUATION.is_file(),
    reason="the labelled corpus does not lie beside the repository",
)


@needs_corpus
def test_the_figures_hold(tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{COMMAND}")
    command.chmod(0o755)
    run = subprocess.run(
        [sys.executable, str(EVALUATION), "--todoke", str(command), "--data", str(CORPUS)],
        capture_output=True,
        text=True,
        check=True,
    )
    rates = {name: float(rate) for name, rate in re.findall(r"^(\w+) +([\d.]+) %", run.stdout, re.MULTILINE)}
    assert {name: rates[name] for name in FLOOR if rates[name] < FLOOR[name]} == {}
    assert "false positives 0/" in run.stdout
    assert "files without a line 0;" in run.stdout


@needs_corpus
def test_the_text_alone_names_the_recipients_too() -> None:
    """Reports that lost their machine-readable part on the way, as gateways make them."""
    from bounce_handler.parsing import mime, parser
    from bounce_handler.parsing.mail import Mail

    labels = json.loads((CORPUS / "labels.json").read_text("utf-8"))
    found = total = 0
    for name, label in labels.items():
        mail = Mail(mime.read((CORPUS / "mails" / name).read_bytes()))
        if label["kind"] != "bounce" or not mail.status_text:
            continue
        total += 1
        said = {finding.address.lower() for finding in parser.in_words(mail)}
        found += all(said & {a.lower() for a in wanted["accept"]} for wanted in label["recipients"])
    assert found / total > 0.95
