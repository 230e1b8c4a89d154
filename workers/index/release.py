"""CreateRelease: index a build beside what is served, compare the counts, and switch the API."""

import msgspec

from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.errors import JobFailed, LeatError, NotReady
from domain.ports.search import IndexSpec
from domain.room import check_room
from events.apis import CreateRelease, ReleaseCreated
from events.builds import BuildFinished
from workers.context import JobContext
from workers.outputs import has_index


async def create_release(command: CreateRelease, context: JobContext) -> ReleaseCreated:
    """The release; `unchanged` where the newest build has one already, served or rolled back from, and its index is there.

    Raises NotReady before the build's first output, JobFailed where the index does not hold every document.
    """
    hub = context.hub
    api = (await APIS.get(hub.records, command.api)).value
    built = await _look(api.build, context)
    known = next((release for release in api.releases() if release.build == built.output), None)
    if known and not command.force and await has_index(known.output, context):
        await context.log(f"build {built.version} has a release already: nothing to do")
        return msgspec.structs.replace(known.said_by(command), unchanged=True)
    build = (await BUILDS.get(hub.records, api.build)).value
    sealed = await hub.documents.describe(built.output)
    free = await hub.documents.room()
    if free is not None:
        check_room(hub.data, sealed.size, "the index", free)
    spec = IndexSpec(
        mapping=sealed.meta["mapping"],
        collection=built.output,
        meta=sealed.meta["metadata"],
        shards=build.shards,
        replicas=build.replicas,
    )
    fed = await context.child("feed", {"output": context.output, "spec": msgspec.to_builtins(spec)})
    if fed["count"] != sealed.count:
        raise JobFailed(f"the index holds {fed['count']:,} documents, but the build has {sealed.count:,}", code="COUNT_DIFFERS")
    event = ReleaseCreated(
        api=command.api, output=context.output, build=built.output, version=built.version, count=sealed.count
    ).said_by(command)
    await context.switch(
        APIS,
        command.api,
        lambda noun: msgspec.structs.replace(noun.with_output(event, hub.limits.keep_indexes), served=context.output),
    )
    await _publish(command.api, context)
    return event


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
        await context.log(f"the alias {api} was not moved: {error}", "warning")
