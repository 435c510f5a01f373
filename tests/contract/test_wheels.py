"""The default installation needs no compiler: every locked version is a wheel on every platform that the README names."""

import pytest

from deploy.check_wheels import Platform, platforms


@pytest.mark.full
@pytest.mark.parametrize("platform", list(platforms()), ids=lambda platform: f"{platform.python}-{platform.machine}")
def test_every_locked_version_is_a_wheel(platform: Platform) -> None:
    assert platform.problem() is None
