"""What a run found that somebody may want to act on: unusual paths, paths that no query finds, a release that is not served."""

from typing import TYPE_CHECKING, Any

from domain.wording import counted, listed
from leat.cli import output

if TYPE_CHECKING:
    from leat.cli.client import Gateway

FOUND = """query Found($name: String!) { source(name: $name) { name parts {
  name unmapped unseen inspection { pathWarnings { path code message } } } } }"""
SERVED = "query Served($name: String!) { api(name: $name) { served { output name } } }"
SHOWN = 5
"""Paths that one line names."""
LOST = 20
"""Paths that lose documents and are told, each on a line."""


async def tell(gateway: "Gateway", run: dict[str, Any]) -> None:
    """Say what its jobs warned of, and what they found: of every source that the run inspected, of mappings that do not fit, and of
    the API that it found rolled back."""
    for step in run.get("steps", ()):
        _tell_warnings(step)
        result = (step["job"] or {}).get("result") or {}
        for problem in problems(result):
            output.note(f"warning: {problem}")
        for lost in _lost(result):
            output.note(f"warning: {lost}")
        if result.get("type") == "MappingValidated" and not problems(result) and not _lost(result):
            paths = counted(len(result.get("paths", ())), "paths")
            output.note(f"all documents that were tried fit, and are found by what they have: {paths}")
        if result.get("type") == "ReleaseCreated" and result.get("unchanged") and not result.get("held"):
            await _tell_rolled_back(gateway, result)
        if result.get("type") == "SourceInspected" and not result.get("unchanged"):
            source = (await gateway.execute(FOUND, {"name": result["source"]}))["source"] or {"parts": []}
            for line in lines(source):
                output.note(line)


def _tell_warnings(step: dict[str, Any]) -> None:
    """What the step's job warned of, and where the rest is."""
    job = step["job"] or {"warnings": [], "warningCount": 0}
    for warning in job["warnings"]:
        output.note(f"warning: {step['name']}: {warning}")
    if (more := job["warningCount"] - len(job["warnings"])) > 0:
        output.note(f"warning: {step['name']}: {counted(more, 'more warnings')}: leat log {job['jobId']}")


def problems(result: dict[str, Any]) -> list[str]:
    """What a mapping that was tried does not fit; the job itself succeeded."""
    return list(result.get("problems", ())) if result.get("type") == "MappingValidated" else []


def _lost(result: dict[str, Any]) -> list[str]:
    """The paths of which a mapping that was tried finds less than the documents have, those that lose most first."""
    if result.get("type") != "MappingValidated":
        return []
    paths = [path for path in result.get("paths", ()) if path.get("found", 0) < path["documents"]]
    said = [
        f"{path['part']}: {path['path']}: {path.get('found', 0):,} of {path['documents']:,} documents found"
        + ("" if path.get("type") else ", since it is not mapped")
        for path in paths[:LOST]
    ]
    return said + [f"{counted(len(paths) - LOST, 'more paths')} lose documents: --json shows them"] * (len(paths) > LOST)


async def _tell_rolled_back(gateway: "Gateway", release: dict[str, Any]) -> None:
    """A newer build is served as soon as it is released; what was rolled back from comes back only when asked for."""
    api, newest = release["api"], release["output"]
    served = ((await gateway.execute(SERVED, {"name": api}))["api"] or {}).get("served")
    if served and served["output"] != newest:
        made = release.get("name") or release["version"]
        output.note(f"{api} was rolled back and serves {served['name']}; to serve {made} of this run again:")
        output.note(f"  leat release rollback {api} {newest}")


def lines(source: dict[str, Any]) -> list[str]:
    """A line for each kind of warning in each part of a source, then how to see all or to mend it."""
    said = []
    for part in source["parts"]:
        of = source["name"] + (f" --part {part['name']}" if len(source["parts"]) > 1 else "")
        kinds: dict[str, list[str]] = {}
        for each in part["inspection"]["pathWarnings"] if part["inspection"] else ():
            kinds.setdefault(f"{each['message']} ({each['code']})", []).append(each["path"])
        said += [f"warning: {part['name']}: {kind}: {listed(paths, SHOWN)}" for kind, paths in sorted(kinds.items(), key=_code)]
        if any(len(paths) > SHOWN for paths in kinds.values()):
            said.append(f"all of them: leat source mapping {of} --warnings")
        if missing := part["unmapped"]:
            said.append(
                f"warning: {part['name']}: {counted(len(missing), 'paths')} not mapped, so no query finds: {listed(missing, SHOWN)}"
            )
            said.append(f"to map one: leat source mapping {of} --field {missing[0]} --type TYPE; all as suggested: --automatic")
        if unseen := part["unseen"]:
            said.append(
                f"warning: {part['name']}: {counted(len(unseen), 'fields')} mapped that no document has: {listed(unseen, SHOWN)}"
            )
    return said


def _code(kind: tuple[str, list[str]]) -> str:
    return kind[0].rpartition("(")[2] + kind[0]
