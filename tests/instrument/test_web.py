"""The shared look: the base page, the colours, the tokens' contrast, nothing inline."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from spanwise.web import CONTENT_SECURITY_POLICY, SERVICE_COLORS, STATIC, NavLink, page, service_color

HOSTILE = "</title><script>alert('x')</script>\"&${body}"
TOKEN = re.compile(r"^\s*--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", re.MULTILINE)
TOKENS = {name: (light, dark) for name, light, dark in TOKEN.findall((STATIC / "tokens.css").read_text())}


def luminance(color: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_page_escapes_all_but_its_body() -> None:
    html = page(
        HOSTILE,
        "<p id=body>$5 and ${title}</p>",
        subtitle=HOSTILE,
        nav=[NavLink(HOSTILE, f'/x?a="{HOSTILE}')],
        product=HOSTILE,
        static_url=f'/s"{HOSTILE}',
        stylesheets=[f'/a.css"{HOSTILE}'],
        scripts=[f'/a.js"{HOSTILE}'],
        home=f'/"{HOSTILE}',
    )
    assert "<script>" not in html
    assert html.count("</title>") == 1
    assert "<p id=body>$5 and ${title}</p>" in html
    assert html.count("<h1>") == 1


def test_a_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    html = page("T", "", scripts=["/x.js"], stylesheets=["/x.css"])
    assert CONTENT_SECURITY_POLICY == "default-src 'self'"
    assert not re.search(r"<style|\sstyle=|\son\w+=|//|<script(?![^>]*\ssrc=)", html.replace("<!doctype html>", ""))
    assert '<script type="module" src="/x.js"></script>' in html
    assert '<link rel="stylesheet" href="/x.css">' in html


def test_the_current_link_is_marked_and_the_landmarks_are_there() -> None:
    html = page("Threads", "", nav=[NavLink("Index", "/admin"), NavLink("Threads", "/admin/threads", current=True)])
    assert '<a href="/admin/threads" aria-current="page">Threads</a>' in html
    assert html.count("aria-current") == 1
    for landmark in ("<header", "<nav", '<main id="main"', 'lang="en"', 'name="viewport"'):
        assert landmark in html


def test_the_files_a_page_names_exist() -> None:
    named = re.findall(r'(?:href|src)="/static/look/([^"]+)"', page("T", ""))
    assert {"tokens.css", "base.css", "components.css", "theme.js", "favicon.svg"} <= set(named)
    assert all((STATIC / name).is_file() for name in named)


def test_the_look_loads_nothing_from_elsewhere() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), file.name


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_legible_on_every_surface(theme: int) -> None:
    surfaces = [name for name in TOKENS if name.startswith("surface-")]
    assert len(surfaces) >= 5
    for text in ("ink", "ink-soft", "ink-faint", "accent"):
        for surface in surfaces:
            found = contrast(TOKENS[text][theme], TOKENS[surface][theme])
            assert found >= 4.5, f"{text} on {surface}: {found:.2f}"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "behind"),
    [
        *((name, f"{name}-soft") for name in ("danger", "warning", "success")),
        *((name, "surface-card") for name in ("danger", "warning", "success")),
        ("accent-strong", "accent-soft"),
        ("on-accent", "accent"),
        ("on-accent", "accent-strong"),
    ],
)
def test_coloured_text_is_legible(text: str, behind: str, theme: int) -> None:
    assert contrast(TOKENS[text][theme], TOKENS[behind][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("number", range(SERVICE_COLORS))
def test_service_colours_stand_out_and_carry_text(number: int, theme: int) -> None:
    color = TOKENS[f"service-{number}"][theme]
    assert contrast(color, TOKENS["surface-card"][theme]) >= 4.5  # a label on a bar is written in the card's colour
    for surface in ("surface-page", "surface-sunken", "surface-hover", "surface-selected"):
        assert contrast(color, TOKENS[surface][theme]) >= 3


def test_every_service_colour_has_its_token_and_its_class() -> None:
    css = (STATIC / "tokens.css").read_text()
    numbers = {
        int(number) for number in re.findall(r"\.service-color-(\d+) \{ --service-color: var\(--service-\1\)", css)
    }
    assert numbers == set(range(SERVICE_COLORS))
    assert {name for name in TOKENS if re.fullmatch(r"service-\d+", name)} == {f"service-{n}" for n in numbers}


def test_services_seen_together_differ() -> None:
    together = ["gateway", "catalog", "orders", "payments", "recommendations"]
    assert len({service_color(name) for name in together}) == len(together)


def test_a_colour_depends_on_the_name_alone_and_all_are_used() -> None:
    assert service_color("gateway") == 8  # pinned: it must be the same in every process and version
    assert {service_color(f"service-{number}") for number in range(400)} == set(range(SERVICE_COLORS))


def test_both_twins_of_the_colour_function_have_the_same_numbers() -> None:
    script = (STATIC / "service-color.js").read_text()
    assert f"SERVICE_COLORS = {SERVICE_COLORS};" in script


def test_every_token_that_is_used_is_defined() -> None:
    css = "".join(file.read_text() for file in STATIC.glob("*.css"))
    defined = set(re.findall(r"(--[\w-]+):", css))
    assert set(re.findall(r"var\((--[\w-]+)", css)) - defined == set()


def test_colours_are_written_in_the_tokens_alone() -> None:
    for name in ("base.css", "components.css"):
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl|oklch", (STATIC / name).read_text())


def test_neighbouring_tokens_are_told_apart() -> None:
    for theme in (0, 1):
        colors = [TOKENS[f"service-{number}"][theme] for number in range(SERVICE_COLORS)]
        for one, other in combinations(colors, 2):
            distance = sum(abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) for at in (1, 3, 5))
            assert distance > 20, (one, other)
