"""The pages that browsers get: GraphiQL where `make web` built it, else a small page of our own."""

from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""Nothing is fetched from anywhere else, so pages work offline and leak nothing."""


class Pages:
    """Where the pages are."""

    def __init__(self, assets: Path = HERE / "assets") -> None:
        self._assets = assets

    def explorer(self) -> web.Response:
        """GraphiQL, or our own page."""
        built = self._assets / "index.html"
        path = built if built.is_file() else HERE / "page.html"
        return web.Response(text=path.read_text(), content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A file that a page is made of; 404 for what is not one."""
        name = request.match_info["name"]
        folder = HERE if name == "page.js" else self._assets
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"})
