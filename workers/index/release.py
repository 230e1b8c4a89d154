"""CreateRelease: index a build beside what is served, compare the counts, ask the gates, and switch the API or hold the release."""

from functools import partial

import msgspec

from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS
from domain.errors import JobFailed, LeatError, NotReady
from domain.names import unused
from domain.ports.search import IndexSpec
from domain.query.plan import Fields
from domain.room import check_room
from events.apis import CreateRelease, ReleaseCreated
from events.builds import BuildFinished
from workers.context import JobContext
from workers.index.judging import judge
from workers.outputs import has_index

UNSEARCHED = (
    "no field is searched by default: a word without a field before it finds ids only; "
    "`leat source mapping NAME --field PATH --default yes` changes that for the next build"
)


async def create_release(command: CreateRelease, context: JobContext) -> ReleaseCreated:
    """The release, held where the gates say so; `unchanged` where the newest build has one already, whether it is served, held or
    rolled back from, and its index is there.

    Raises NotReady before the build's first output, JobFailed where the index does not hold every document.
    """
    hub = context.hub
    api = (await APIS.get(hub.records, command.api)).value
    built = await _look(api.build, context)
    known = next((release for release in api.releases() if release.build == built.output), None)
    if known and not command.force and await has_index(known.output, context):
        await context.log(f"build {built.version} has a release already: nothing to do")
        if known.held:
            await _tell_held(known, context)
        return msgspec.structs.replace(known.said_by(command), unchanged=True)
    build = (await BUILDS.get(hub.records, api.build)).value
    sealed = await hub.documents.describe(built.output)
    free = await hub.documents.room()
    if free is not None:
        check_room(hub.collections_disk, sealed.size, "the index", free)
    spec = IndexSpec(
        mapping=sealed.meta["mapping"],
        collection=built.output,
        meta=sealed.meta["metadata"],
        shards=build.shards,
        replicas=build.replicas,
    )
    if not Fields(spec.mapping).searched_by_default:
        await context.log(UNSEARCHED, "warning")
    fed = await context.child("feed", {"output": context.output, "spec": msgspec.to_builtins(spec)})
    if fed["count"] != sealed.count:
        raise JobFailed(f"the index holds {fed['count']:,} documents, but the build has {sealed.count:,}", code="COUNT_DIFFERS")
    event = ReleaseCreated(
        api=command.api, output=context.output, build=built.output, version=built.version, count=sealed.count
    ).said_by(command)
    return await _switch(event, built, context)


async def _tell_held(release: ReleaseCreated, context: JobContext) -> None:
    """Say why it is held, and what can be done."""
    for reason in release.held:
        await context.log(reason, "warning")
    await context.log(f"{release.called} is held: `leat release accept {release.api}` serves it all the same", "warning")


async def _switch(event: ReleaseCreated, built: BuildFinished, context: JobContext) -> ReleaseCreated:
    """Judge the release against what is served, and let the API list it: served where it passes, else held. Where somebody switches
    or accepts between the two, it is judged anew."""
    keep = context.hub.limits.keep_indexes
    while True:
        api = (await APIS.get(context.hub.records, event.api)).value
        held = await judge(api.build, built.inputs, event.output, api.release(), context)
        name = unused(event.version, [release.called for release in api.releases()])
        event = msgspec.structs.replace(event, held=tuple(held), name=name)
        try:
            await context.switch(APIS, event.api, partial(_listed, event=event, judged=api, keep=keep))
        except _SwitchedMeanwhile:
            continue
        break
    await (_tell_held(event, context) if event.held else _publish(event.api, context))
    return event


class _SwitchedMeanwhile(Exception):
    """What the release was judged against is not what is served any more."""


def _listed(api: Api, *, event: ReleaseCreated, judged: Api, keep: int) -> Api:
    if (api.served, api.outputs) != (judged.served, judged.outputs):
        raise _SwitchedMeanwhile
    return api.with_release(event, keep)


async def _look(build: str, context: JobContext) -> BuildFinished:
    """The build's newest output, pinned."""
    pinned = ""
    while True:
        built = (await BUILDS.get(context.hub.records, build)).value.newest(BuildFinished)
        if built is None:
            raise NotReady(f"build {build} has no output yet")
        if built.output == pinned:
            return built
        await context.pin(built.output)
        pinned = built.output


async def _publish(api: str, context: JobContext) -> None:
    """The alias is a courtesy: the release is served whether the alias was moved or not, and the reaper puts it right."""
    try:
        await context.hub.search.publish(api, context.output)
    except LeatError as error:
        await context.log(f"the alias {api} was not moved: {error.message}", "warning")
