"""All pages for people; the rest of the service answers programs."""

from __future__ import annotations

from web.pages import (
    address_changes,
    assets,
    audit,
    dashboard,
    home,
    institution,
    listing,
    live,
    lookups,
    message,
    queues,
    reach,
    signing_in,
    signing_in_elsewhere,
    suppressions,
    unmatched,
)

PAGE_ROUTERS = (
    home.router,
    institution.router,
    message.router,
    listing.router,
    live.router,
    dashboard.router,
    queues.router,
    reach.router,
    address_changes.router,
    suppressions.router,
    unmatched.router,
    lookups.router,
    audit.router,
    assets.router,
    signing_in.router,
    signing_in_elsewhere.router,
)
