"""``/docs`` with Swagger's files from the installed package instead of a CDN."""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

__all__ = ["document"]

_NULL = {"type": "null"}


def document(app: FastAPI) -> None:
    """Add ``/docs``, ``/openapi.json`` and ``/swagger``; their addresses hold under any root path."""
    folder = next((resources.files("swagger_ui_bundle") / "vendor").iterdir())
    app.mount("/swagger", StaticFiles(directory=str(folder)), name="swagger")
    app.openapi_version = "3.0.3"  # the newest that the bundled Swagger shows

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="qa · HTTP API",
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
            swagger_favicon_url="swagger/favicon-32x32.png",
            swagger_ui_parameters={"validatorUrl": None},  # else a badge from another host
        )

    @app.get("/openapi.json", include_in_schema=False)
    def described(request: Request) -> JSONResponse:
        root = str(request.scope.get("root_path", ""))
        servers = {"servers": [{"url": root}]} if root else {}
        return JSONResponse({**_without_null(app.openapi()), **servers})


def _without_null(schema: Any) -> Any:
    """``schema`` with OpenAPI 3.0's ``nullable`` in place of 3.1's type ``null``."""
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    fields = {name: _without_null(value) for name, value in schema.items()}
    if _NULL in fields.get("anyOf", []):
        (kind,) = (each for each in fields.pop("anyOf") if each != _NULL)
        fields |= kind | {"nullable": True}
    return fields
