"""Makes what a version of Leat leaves behind when it is killed: a data folder for `test_former_folders.py`.

    python tests/data_folders/leave.py FOLDER/bin/leat 8541ab0

runs that version, installed into an environment of its own with the requirements of its own lock file, and writes
`tests/data_folders/8541ab0.tar.gz`. Make one of main before a change of how anything is stored, and add its name to the test.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

BIRDS = "id\tname\twingspan\tseen\nb1\tGreat tit\t23.7\t2024-02-29\nb2\tŌtūhaiā \t0.1\t1999-12-31\nb3\tKea\t96.53\t2026-11-24\n"
PARSERS = {
    "birds": """import csv, os


def load_data(data_folder):
    with open(os.path.join(data_folder, "birds.tsv"), encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\\t"):
            yield {"_id": row["id"], "name": row["name"], "wingspan": float(row["wingspan"]), "seen": row["seen"]}
""",
    "broken": 'def load_data(data_folder):\n    yield {"_id": "x", "value": 1 / 0}\n',
    "slow": """import os
import time


def load_data(data_folder):
    yield {"_id": "s1"}
    while os.path.exists("/tmp/leat-left-behind/slowly"):
        time.sleep(0.1)
""",
}
HOME = Path("/tmp/leat-left-behind")
"""Where the plugins and their data are while the folder is made. It is gone afterwards: dumps and code are in the data folder."""


def leave(leat: Path, name: str) -> Path:
    """Runs the hub, kills it while it uploads, and packs its folder."""
    HOME.mkdir()
    (HOME / "slowly").touch()
    for source, parser in PARSERS.items():
        folder = HOME / source
        folder.mkdir()
        (folder / "parser.py").write_text(parser, encoding="utf-8")
        (folder / "birds.tsv").write_text(BIRDS, encoding="utf-8")
        manifest = {
            "version": "0.3",
            "dumper": {"data_url": "file:birds.tsv"},
            "uploader": {"parser": "parser:load_data", "on_duplicates": "error"},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
    data = Path(tempfile.mkdtemp()) / "data"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LEAT_")} | {"LEAT_DATA": str(data)}
    hub = subprocess.Popen([leat, "up", "--port", "0"], env=environment, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert hub.stdout is not None
        assert hub.stdout.readline(), "it does not come up"
        _fill(leat, environment)
    finally:
        os.killpg(hub.pid, signal.SIGKILL)
        hub.wait()
    for made in ("token", "url", "pid", "up.lock"):
        (data / made).unlink(missing_ok=True)
    shutil.rmtree(data / "temporary", ignore_errors=True)
    packed = Path(__file__).parent / f"{name}.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(data, ".")
    shutil.rmtree(data.parent)
    shutil.rmtree(HOME)
    return packed


def _fill(leat: Path, environment: dict[str, str]) -> None:
    def run(*words: str, code: int = 0) -> str:
        ended = subprocess.run([leat, *words], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == code, (words, ended.stdout, ended.stderr)
        return ended.stdout

    for source in PARSERS:
        run("source", "add", str(HOME / source))
    run("source", "dump", "birds")
    run("source", "mapping", "birds", "--field", "name", "--default", "yes")
    run("build", "add", "all", "birds")
    run("api", "add", "flock", "all")
    run("run", "flock")
    run("source", "dump", "broken", code=1)
    run("schedule", "add", "nightly", "30 2 * * *", "--api", "flock")
    run("source", "dump", "slow", "--detach")
    while not any(job["step"] == "upload:slow" for job in json.loads(run("jobs", "--state", "RUNNING", "--json"))):
        time.sleep(0.2)


if __name__ == "__main__":
    leave(Path(sys.argv[1]).absolute(), sys.argv[2])
