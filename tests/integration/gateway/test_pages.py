"""Pages for browsers: the links in mails lead to them, and logins at the identity provider end there."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

import echo_gateway.pages
from echo_auth.usecases.mails import _PAGES as LINKED
from echo_common.messages.catalogue import LANGUAGES
from tests.integration.gateway.conftest import Gateway

FOLDER = Path(echo_gateway.pages.__file__).parent
PAGES = ("confirm-email", "reset-password", "logged-in")


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


async def get(gateway: Gateway, path: str, language: str = "en") -> tuple[str, str]:
    async with gateway.ask("GET", path, headers={"Accept-Language": language}) as response:
        assert response.status == 200, path
        assert response.headers["Referrer-Policy"] == "no-referrer"
        return await response.text(), response.headers["Content-Security-Policy"]


async def scripts_of(gateway: Gateway, elements: Elements) -> list[str]:
    """Return the scripts of a page and the scripts that they import."""
    waiting, found = [str(script["src"]) for script in elements.named("script")], dict[str, str]()
    while waiting:
        path = waiting.pop()
        found[path], _ = await get(gateway, path)
        waiting += [urljoin(path, name) for name in re.findall(r'from "(.*?)"', found[path])]
    return list(found.values())


def test_every_link_in_a_mail_has_its_page() -> None:
    assert set(LINKED.values()) <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_runs_only_its_own_scripts_and_calls_only_the_api(gateway: Gateway, page: str) -> None:
    text, policy = await get(gateway, f"/{page}")
    elements = Elements(text)

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "form-action 'none'" in policy
    assert [script.keys() for script in elements.named("script")] == [{"type", "src"}]
    assert not any(name.startswith("on") or name == "style" for _, attributes in elements.found for name in attributes)
    style, _ = await get(gateway, "/pages/page.css")
    for asset in [style, *(await scripts_of(gateway, elements))]:
        assert "http" not in asset
        assert ".innerHTML" not in asset


@pytest.mark.parametrize("page", PAGES)
async def test_pages_remove_the_token_from_the_address_bar(gateway: Gateway, page: str) -> None:
    script = "".join(await scripts_of(gateway, Elements((await get(gateway, f"/{page}"))[0])))

    assert "location.hash" in script
    assert 'history.replaceState(null, "", location.pathname)' in script
    assert "location.search" not in script


@pytest.mark.parametrize("page", PAGES)
async def test_pages_are_in_the_language_of_the_browser(gateway: Gateway, page: str) -> None:
    titles = set()
    for language in LANGUAGES:
        elements, text = Elements((await get(gateway, f"/{page}", language))[0]), (await get(gateway, f"/{page}", language))[0]
        assert elements.named("html") == [{"lang": language}]
        assert "$" not in text
        titles.add(re.findall(r"<h1>(.*)</h1>", text)[0])
    assert len(titles) == len(LANGUAGES)


@pytest.mark.parametrize("page", PAGES)
async def test_pages_are_accessible_and_fit_a_phone(gateway: Gateway, page: str) -> None:
    elements = Elements((await get(gateway, f"/{page}"))[0])

    labelled = {label.get("for") for label in elements.named("label")}
    fields = [field for field in elements.named("input") if field["type" if "type" in field else "id"] != "checkbox"]
    assert {field["id"] for field in fields} == labelled - {None}
    assert all(field.get("autocomplete") for field in fields)
    assert [status["role"] for status in elements.named("p") if "role" in status] == ["status"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.named("meta")
    assert len(elements.named("main")) == len(elements.named("h1")) == 1


async def test_only_the_files_of_the_pages_are_served(gateway: Gateway) -> None:
    for name, status in (("__init__.py", 422), ("frame.html", 422), ("confirm-email.html", 422), ("..%2fmain.py", 404)):
        async with gateway.ask("GET", f"/pages/{name}", headers={}) as response:
            assert response.status == status, name
