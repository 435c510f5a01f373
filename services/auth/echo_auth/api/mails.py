"""Endpoint for the mails to users, for operators without a mail server."""

from typing import Annotated

from fastapi import Depends, Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.usecases import mails
from echo_auth.usecases.mails import MAIL_ORDERS
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.mails import MailStatus, MailView
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

MailPage = Annotated[Page, Depends(paginated(*MAIL_ORDERS))]

router = PublicRouter("admin", dependencies=[Depends(forbid_storing)])


@router.endpoint("GET", "/admin/mails", example=enveloped([examples.MAIL], meta=examples.PAGE))
async def list_mails(
    _: Administrator,
    deps: Deps,
    page: MailPage,
    status: Annotated[MailStatus | None, Query(description="Filter by status.")] = None,
) -> Success[list[MailView]]:
    """List mails to users, newest first.

    Where no mail server is configured, they include their links, which the operator passes on.
    """
    found, total = await mails.list_mails(status, page, deps)
    return ok(list(found), meta=page.meta(total))
