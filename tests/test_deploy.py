"""compose.yaml, the Dockerfile and the Kubernetes manifests, as far as they can be looked at without an engine."""

import importlib.util
import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from events.catalogue import QUEUES
from leat.cli import _parser
from leat.cli.exits import Exit
from leat.settings import Settings, load
from tests.services import missing, need

ROOT = Path(__file__).parent.parent
KUBERNETES = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
OLDEST = "1.25"
"""The oldest Kubernetes that the manifests are checked against, and the newest."""
NEWEST = "1.37"

TEXTS = {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+s)?$"}
NAMED = {"type": "object", "additionalProperties": {"type": "object"}}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart"],
    "properties": {
        "build": {"type": "string"},
        "image": {"type": "string"},
        "hostname": {"type": "string"},
        "command": TEXTS,
        "entrypoint": TEXTS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "stop_grace_period": DURATION,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "secrets": TEXTS,
        "volumes": TEXTS,
        "ports": TEXTS,
        "configs": {
            "type": "array",
            "items": {"type": "object", "required": ["source", "target"], "additionalProperties": {"type": "string"}},
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"replicas": {"type": "integer", "minimum": 0}},
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test"],
            "properties": {
                "test": {
                    "type": "array",
                    "items": {"type": "string"},
                    "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}],
                    "minItems": 2,
                },
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
COMPOSE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "configs": NAMED,
        "secrets": NAMED,
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}
"""What compose.yaml uses of the Compose Specification, and nothing else: a key that is misspelt is no key of it."""


@pytest.fixture(scope="module")
def compose() -> Any:
    """compose.yaml, its anchors merged in."""
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def ours(compose: Any) -> dict[str, Any]:
    """The services that are Leat."""
    return {name: service for name, service in compose["services"].items() if service["image"] == "leat"}


def check_arguments(words: list[str]) -> None:
    """The command line takes these words; its parser would exit otherwise."""
    parser: ArgumentParser = _parser(words)
    flags = parser.parse_args(words)
    assert set(getattr(flags, "queues", [])) <= set(QUEUES)


def check_settings(names: Iterator[str] | Any) -> None:
    """Every variable is a setting, or names the file of one."""
    known = {f"LEAT_{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    assert {name for name in names if name.startswith("LEAT_")} <= known


def test_compose_keeps_to_the_specification(compose: Any) -> None:
    """Every key is one that the specification knows, with a value of its kind."""
    jsonschema.Draft202012Validator.check_schema(COMPOSE)
    jsonschema.validate(compose, COMPOSE, cls=jsonschema.Draft202012Validator)


def test_compose_refers_to_what_it_has(compose: Any) -> None:
    """Services, secrets, configs and named volumes that are spoken of are there, and none is there for nothing."""
    services = compose["services"]
    for service in services.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition["condition"] != "service_healthy" or "healthcheck" in services[other]
    used = {name for service in services.values() for name in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    assert {each["source"] for service in services.values() for each in service.get("configs", [])} == set(compose["configs"])
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(compose["volumes"])
    for place in (*compose["configs"].values(), *compose["secrets"].values()):
        assert place["file"].startswith("deploy/compose/")
    assert (ROOT / compose["configs"]["rabbitmq"]["file"]).is_file()


def test_compose_makes_every_secret_that_it_mounts(compose: Any) -> None:
    """The script that is run before the first start makes just those files, and what is read from a file is mounted."""
    script = (ROOT / "deploy/compose/secrets.sh").read_text()
    assert set(re.findall(r"^make (\w+) ", script, re.MULTILINE)) == set(compose["secrets"])
    for service in compose["services"].values():
        files = re.findall(r"/run/secrets/(\w+)", json.dumps(service))
        assert set(files) <= set(service.get("secrets", []))


def test_compose_runs_every_part_once(compose: Any) -> None:
    """One gateway and a service for each queue, by command lines that Leat understands, with settings that there are, and time to
    stop in order."""
    services = ours(compose)
    for service in services.values():
        check_arguments(service["command"])
        check_settings(service["environment"])
        assert float(service["environment"]["LEAT_GRACE"]) + 10 < int(service["stop_grace_period"].removesuffix("s"))
    assert services["gateway"]["command"] == ["up", "--no-workers"]
    assert [service["command"][1] for name, service in services.items() if name != "gateway"] == [
        name for name in services if name != "gateway"
    ]
    assert set(services) == {"gateway", *QUEUES}
    assert not any(port.count(":") == 1 for service in compose["services"].values() for port in service.get("ports", []))


def test_compose_chooses_servers(compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the secrets' files the settings are valid, and none of them is embedded."""
    for name in ("bus", "records", "token"):
        (tmp_path / name).write_text({"bus": "amqp://u:p@rabbitmq/", "records": "mongodb://u:p@mongodb/leat"}.get(name, "t"))
    for name, value in ours(compose)["upload"]["environment"].items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path)))
    chosen = load()

    assert [chosen.bus[:5], chosen.records[:8], chosen.documents[:8], chosen.search[:5]] == [
        "amqp:",
        "mongodb:",
        "mongodb:",
        "http:",
    ]


def manifests() -> list[tuple[str, Any]]:
    """Every manifest with the name of its file."""
    return [(path.name, each) for path in KUBERNETES for each in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> dict[str, Any]:
    """The manifests of a kind, by name."""
    return {each["metadata"]["name"]: each for _, each in manifests() if each["kind"] == kind}


def containers() -> Iterator[tuple[str, Any, Any]]:
    """Every container, with the name of its deployment and its pod."""
    for name, deployment in of_kind("Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            yield name, container, pod


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_manifests_keep_to_the_schemas(version: str) -> None:
    """Kubernetes' own schemas, strictly: a key that is misspelt is refused."""
    if importlib.util.find_spec("kubernetes_validate") is None:
        missing("kubernetes-validate", "kubernetes-validate is not installed")
    import kubernetes_validate  # noqa: PLC0415

    checked = [each for _, each in manifests() if "keda" not in each["apiVersion"] and each["kind"] != "Kustomization"]
    assert {each["kind"] for each in checked} == {"Deployment", "Service", "ConfigMap"}
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)


def test_kustomization_names_every_file() -> None:
    """`kubectl apply -k` applies all of them."""
    (kustomization,) = [each for _, each in manifests() if each["kind"] == "Kustomization"]

    assert sorted(kustomization["resources"]) == sorted(path.name for path in KUBERNETES if path.name != "kustomization.yaml")


def test_deployments_are_ours() -> None:
    """A gateway and a worker for each queue, by command lines that Leat understands; selectors match, volumes are there, and
    there is time to stop in order. No variable that Kubernetes makes of our service's name is taken for a setting."""
    settings = of_kind("ConfigMap")["leat"]["data"]
    check_settings(settings)
    assert set(of_kind("Deployment")) == {"leat-gateway", *(f"leat-{queue}" for queue in QUEUES)}
    for name, deployment in of_kind("Deployment").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels == deployment["metadata"]["labels"]
        assert name == f"leat-{labels['part']}"
    for name, container, pod in containers():
        check_arguments(container["args"])
        assert container["args"][:2] == (["up", "--no-workers"] if name == "leat-gateway" else ["work", name.removeprefix("leat-")])
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert pod["enableServiceLinks"] is False
        assert pod["terminationGracePeriodSeconds"] > float(settings["LEAT_GRACE"]) + 10
        for source in container["envFrom"]:
            assert source.get("configMapRef", source.get("secretRef"))["name"] == "leat"


def test_secrets_are_told_how_to_be_made() -> None:
    """Every file that a setting names is a key of the secret, and the README makes that key."""
    made = set(re.findall(r"--from-literal=(\w+)=", (ROOT / "deploy/kubernetes/README.md").read_text()))
    settings = of_kind("ConfigMap")["leat"]["data"]
    read = {value.rsplit("/", 1)[1] for name, value in settings.items() if name.endswith("_FILE")}
    asked = {each["key"] for auth in of_kind("TriggerAuthentication").values() for each in auth["spec"]["secretTargetRef"]}

    assert read <= made
    assert asked <= made
    mounts = {
        mount["mountPath"] for _, container, _ in containers() for mount in container["volumeMounts"] if mount["name"] == "secrets"
    }
    assert {value.rsplit("/", 1)[0] for name, value in settings.items() if name.endswith("_FILE")} == mounts


def test_the_service_finds_the_gateway() -> None:
    """Its selector matches the gateway's pods and no others, and its port is one of theirs."""
    (service,) = of_kind("Service").values()
    selected = [
        name
        for name, deployment in of_kind("Deployment").items()
        if service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    ]
    gateway = next(container for name, container, _ in containers() if name == "leat-gateway")
    ports = {port["name"]: port["containerPort"] for port in gateway["ports"]}

    assert selected == ["leat-gateway"]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == list(ports)
    assert ports["http"] == Settings.model_fields["port"].default
    for probe in ("readinessProbe", "livenessProbe"):
        assert gateway[probe]["httpGet"]["port"] in ports


def test_scaled_objects_follow_their_queues() -> None:
    """One for each worker: it scales a deployment that there is, by the depth of the queue that the hub's name and id make and
    the jobs that run, both together, with authentications that there are."""
    settings, service = of_kind("ConfigMap")["leat"]["data"], next(iter(of_kind("Service")))
    hub = f"{settings.get('LEAT_NAME', Settings.model_fields['name'].default)}-{settings['LEAT_ID']}"
    scaled = of_kind("ScaledObject")
    assert set(scaled) == {f"leat-{queue}" for queue in QUEUES}
    for name, each in scaled.items():
        queue, spec = name.removeprefix("leat-"), each["spec"]
        assert each["apiVersion"] == "keda.sh/v1alpha1"
        assert spec["scaleTargetRef"]["name"] in of_kind("Deployment")
        assert "replicas" not in of_kind("Deployment")[name]["spec"], "the autoscaler's number would be reset at each apply"
        assert 0 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        depth, running = spec["triggers"]
        args = next(container["args"] for pod, container, _ in containers() if pod == name)
        slots = args[args.index("--concurrency") + 1]
        assert (depth["metadata"]["value"], running["metadata"]["targetValue"]) == (slots, slots)
        assert spec["advanced"]["scalingModifiers"] == {"formula": f"{depth['name']} + {running['name']}", "target": slots}
        assert (depth["type"], depth["metadata"]["queueName"]) == ("rabbitmq", f"{hub}.{queue}")
        assert running["metadata"]["url"] == f"http://{service}/graphql?query=%7Bqueues%7Bname%20running%7D%7D"
        assert running["metadata"]["valueLocation"] == f'data.queues.#(name=="{queue}").running'
        assert all(isinstance(value, str) for trigger in (depth, running) for value in trigger["metadata"].values())
        assert {trigger["authenticationRef"]["name"] for trigger in (depth, running)} <= set(of_kind("TriggerAuthentication"))


def test_containers_are_no_root() -> None:
    """Neither the image nor a pod runs as root, and only mounted folders can be written."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)[-1] == "10001"
    for _, container, pod in containers():
        assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001}
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


def test_the_image_may_write_what_is_mounted(compose: Any) -> None:
    """A named volume takes owner and mode of the folder that the image has in its place; where it has none, root's."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    mounted = {each.split(":")[1] for service in ours(compose).values() for each in service["volumes"]}

    assert mounted <= set(re.findall(r"install -d -o leat -g leat (\S+)", dockerfile))


def test_the_image_copies_what_there_is() -> None:
    """Every path that the Dockerfile copies exists, the lock file among them, and its commands are ours."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]]
    assert "requirements.lock" in copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {path for path in copied if (ROOT / path).is_dir()} == {
        "events",
        "domain",
        "adapters",
        "workers",
        "gateway",
        "leat",
        "web",
    }
    check_settings(re.findall(r"(LEAT_\w+)=", dockerfile))
    (health,) = re.findall(r"^HEALTHCHECK .*CMD (\[.+\])$", dockerfile, re.MULTILINE)
    entry = json.loads(re.findall(r"^ENTRYPOINT (\[.+\])$", dockerfile, re.MULTILINE)[0])
    assert json.loads(health)[:1] == entry == ["leat"]
    check_arguments(json.loads(health)[1:])
    check_arguments(json.loads(re.findall(r"^CMD (\[.+\])$", dockerfile, re.MULTILINE)[0]))
    for name, container, _ in containers():
        if name != "leat-gateway":
            check_arguments(container["livenessProbe"]["exec"]["command"][1:])


def test_no_registry_is_named(compose: Any) -> None:
    """Images are named without a host, so that each site takes them from its own registry."""
    images = [service["image"] for service in compose["services"].values()]
    images += [container["image"] for _, container, _ in containers()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert [image for image in images if "/" in image] == []


UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def unit(path: Path) -> dict[str, list[str]]:
    """What a unit says, by key."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, is_set, value = line.partition("=")
        if is_set and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_commands_that_there_are(path: Path) -> None:
    """Arguments and settings are known, and stopping waits longer than running jobs get."""
    says = unit(path)

    program, *words = says["ExecStart"][0].replace("%i", "upload").split()
    assert program.endswith("/leat")
    check_arguments(words)
    settings = [word.split("=")[0] for line in says["Environment"] for word in line.split()]
    check_settings(name for name in settings if name.startswith("LEAT_"))
    assert int(says["TimeoutStopSec"][0]) > Settings().grace


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_come_back_until_a_server_does(path: Path) -> None:
    """Who can't reach a server is started again without end; who is refused, or wrongly set, is not."""
    says = unit(path)
    final = {int(code) for code in says["RestartPreventExitStatus"][0].split()}

    assert (says["Restart"], says["StartLimitIntervalSec"]) == (["on-failure"], ["0"])
    assert final == {Exit.USAGE, Exit.REFUSED}
    assert Exit.UNREACHABLE not in final


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_leave_plugins_their_sandbox(path: Path) -> None:
    """What bubblewrap needs is not taken: namespaces, a whole /proc, and netlink for a loopback of its own."""
    says = unit(path)

    assert "AF_NETLINK" in says["RestrictAddressFamilies"][0].split()
    assert not {"RestrictNamespaces", "ProtectProc", "ProtectKernelTunables", "ProcSubset", "SystemCallFilter"} & set(says)


def test_compose_comes_back_until_a_server_does(compose: Any) -> None:
    """Containers of the hub are started again whenever they end by themselves, as Kubernetes does with its own."""
    assert {service["restart"] for service in ours(compose).values()} == {"unless-stopped"}


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong, but that this machine has neither the program nor the user."""
    need("systemd-analyze")
    for path in UNITS:
        text = re.sub(r"(?m)^(User|Group)=.*\n", "", path.read_text()).replace("/opt/leat/.venv/bin/leat", sys.executable)
        (tmp_path / path.name.replace("@", "@upload")).write_text(text)

    command = ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
