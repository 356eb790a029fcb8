"""The few files that the pages need; they come from here and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from web.pages.rendering import STATIC, static_digest
from web.problems import not_found

router = APIRouter(include_in_schema=False)

_FILES: Mapping[str, str] = {
    "todoke.css": "text/css",
    "todoke.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "LICENSE.htmx.txt": "text/plain",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


@router.get("/static/{name}")
async def static_file(request: Request) -> Response:
    """One of our files. Under the address with its digest it may be kept for good."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise not_found()
    kept = _FOR_GOOD if request.query_params.get("v") == static_digest(name) else "no-cache"
    return FileResponse(STATIC / name, media_type=_FILES[name], headers={"Cache-Control": kept})
