"""A source one of whose parts fails, as who runs it sees it."""

import json
from pathlib import Path

from leat.cli.exits import Exit
from tests.leat.hubs import Line, plugin


def test_the_job_fails_and_the_other_parts_are_there(tmp_path: Path) -> None:
    """The run and its job have FAILED with the part and its traceback; the others' documents can be read, and a retry of the job
    brings the part once that is mended."""
    line, gate = Line(tmp_path, LEAT_PLUGIN_SANDBOX="off"), tmp_path / "gate"  # which no plugin sees from a sandbox
    home = plugin(tmp_path, "pair")
    manifest = json.loads((home / "manifest.json").read_text())
    parts = [{"name": name, "parser": f"parser:load_{name}"} for name in ("left", "right")]
    (home / "manifest.json").write_text(json.dumps({"dumper": manifest["dumper"], "uploaders": parts}))
    left, right = "def load_left(folder):\n    yield {'_id': 'l'}\n", f"def load_right(folder):\n    open({str(gate)!r})\n"
    (home / "parser.py").write_text(f"{left}{right}    yield {{'_id': 'r'}}\n")
    with line.up():
        line.done("source", "add", str(home))

        ended = line.run("source", "dump", "pair")
        left = line.done("source", "documents", "pair", "--part", "left")
        [job] = [job for job in line.json("jobs") if job["type"] == "UploadSource"]
        told = line.run("log", job["id"])

        assert ended.returncode == Exit.FAILED
        assert "part right" in ended.stderr + ended.stdout
        assert "stored nevertheless: left" in ended.stderr + ended.stdout
        assert json.loads(left) == {"_id": "l"}
        assert job["outcome"] == "FAILED"
        assert "FileNotFoundError" in told.stdout + told.stderr

        gate.touch()
        assert line.run("retry", job["id"]).returncode == Exit.DONE
        assert json.loads(line.done("source", "documents", "pair", "--part", "right")) == {"_id": "r"}
