"""The base page: `page.html` filled in. The caller escapes the body; everything else is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"  # style sheets, theme.js, service-color.js, favicon.svg, wordmark.svg
_TEMPLATE = Path(__file__).parent / "page.html"

# What every page is sent with.
CONTENT_SECURITY_POLICY = "default-src 'self'"


class NavLink(NamedTuple):
    """One link of the page's header; `current` marks the page that is shown."""

    label: str
    href: str
    current: bool = False


def page(
    title: str,
    body: str,
    *,
    subtitle: str = "",
    nav: Iterable[NavLink] = (),
    static_url: str = "/static/look",
    product: str = "",
    home: str = "/",
    stylesheets: Iterable[str] = (),
    scripts: Iterable[str] = (),
    heading: bool = True,
    wide: bool = False,
) -> str:
    """A whole HTML document around `body`, which is HTML and already escaped.

    `title` becomes the document's title and, with `subtitle`, the heading (`heading=False`: the body has its own h1).
    `product` stands beside the wordmark, such as "collector" or a service's name. `static_url` is the prefix under
    which the files of STATIC are served. `scripts` are URLs of JavaScript modules, `stylesheets` of style sheets, in
    addition to the look's own. `wide` uses the full width of the window.
    """
    return _template().substitute(
        document_title=escape(" · ".join(part for part in (title, product, "Spanwise") if part)),
        static_url=escape(static_url.rstrip("/")),
        stylesheets="".join(f'<link rel="stylesheet" href="{escape(url)}">\n' for url in stylesheets),
        scripts="".join(f'<script type="module" src="{escape(url)}"></script>\n' for url in scripts),
        home=escape(home),
        product=escape(product),
        product_html=f'<span class="wordmark-product">{escape(product)}</span>' if product else "",
        nav="".join(_nav_link(link) for link in nav),
        main_class="page page-wide" if wide else "page",
        heading=_heading(title, subtitle) if heading else "",
        body=body,
    )


@cache
def _template() -> Template:
    return Template(_TEMPLATE.read_text(encoding="utf-8"))


def _nav_link(link: NavLink) -> str:
    current = ' aria-current="page"' if link.current else ""
    return f'<a href="{escape(link.href)}"{current}>{escape(link.label)}</a>'


def _heading(title: str, subtitle: str) -> str:
    below = f'<p class="page-subtitle">{escape(subtitle)}</p>' if subtitle else ""
    return f'<header class="page-heading"><h1>{escape(title)}</h1>{below}</header>\n'
