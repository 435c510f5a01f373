"""Endpoints for the system settings."""

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.usecases import settings
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.admin import ChangeSettingsRequest, SystemSettingView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("admin")


@router.endpoint("GET", "/admin/config", example=enveloped([examples.SYSTEM_SETTING]))
async def list_system_settings(_: Administrator, deps: Deps) -> Success[list[SystemSettingView]]:
    """List the system settings."""
    return ok(list(await settings.list_settings(deps)))


@router.endpoint("PUT", "/admin/config", idempotent=True, example=enveloped([examples.SYSTEM_SETTING]))
async def change_system_settings(
    body: ChangeSettingsRequest, principal: Administrator, origin: Origin, deps: Deps
) -> Success[list[SystemSettingView]]:
    """Change system settings.

    Settings that are not named stay unchanged. All services apply a change within two seconds.
    """
    await settings.change_settings(body.values, principal.user_id, origin, deps)
    return ok(list(await settings.list_settings(deps)))
