"""The HTTP application: routes, errors and the envelope around them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from store.happenings import Happenings
from web import (
    address_changes,
    auditing,
    bounces,
    exports,
    institutions,
    jobs,
    messages,
    operations,
    reference,
    reports,
    searching,
    suppressions,
)
from web.lingering import Lingering
from web.middleware import Envelope
from web.pages.dashboard import Counting
from web.pages.routers import PAGE_ROUTERS as PAGE_ROUTERS
from web.patience import Patience
from web.problems import EXCEPTION_HANDLERS, database_trouble
from web.services import Services
from web.sessions import SignInNeeded, to_sign_in
from web.wire import AbsoluteForm, OneLength

ROUTERS = (
    jobs.router,
    messages.router,
    institutions.router,
    searching.router,
    reports.router,
    address_changes.router,
    suppressions.router,
    bounces.router,
    auditing.router,
    exports.router,
    operations.router,
    reference.router,
)


def create_app(services: Services) -> FastAPI:
    """The application, answering with these parts."""
    outage = database_trouble()
    app = FastAPI(
        title="todoke",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        exception_handlers={**EXCEPTION_HANDLERS, SignInNeeded: to_sign_in},
        middleware=[
            Middleware(AbsoluteForm),
            Middleware(Lingering, max_body_bytes=services.max_body_bytes),
            Middleware(Envelope, outage=outage),
            Middleware(OneLength),
            Middleware(Patience),
        ],
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.services = services
    app.state.outage = outage
    app.state.counting = Counting(services.db)
    app.state.happenings = Happenings(services.db)
    for router in (*ROUTERS, *PAGE_ROUTERS):
        app.include_router(router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
