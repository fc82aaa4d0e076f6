from __future__ import annotations

import json

import pytest

from spanwise import lint
from spanwise.admin.builtin import lint as page

BROWSER = "text/html,*/*;q=0.8"


@pytest.fixture(autouse=True)
def two_rules(monkeypatch):
    import spanwise.lint_rules

    assert spanwise.lint_rules
    rules = {
        "bad": lint.Rule("Category", "bad", "Bad <b>", "Why.", lambda: ["it is <bad>"]),
        "good": lint.Rule("Category", "good", "Good", "Why.", list),
    }
    monkeypatch.setattr(lint, "_rules", rules)
    monkeypatch.setattr(page, "_latest", None)
    return rules


def test_json_in_twitter_server_s_shape(admin):
    assert json.loads(admin.fetch("/admin/lint.json").body) == {
        "lint_results": {
            "metadata": {"num_rules_run": 2, "num_rules_ok": 1, "num_rules_failed": 1, "num_issues_found": 1},
            "failed_rules": [
                {
                    "category": "Category",
                    "id": "bad",
                    "name": "Bad <b>",
                    "description": "Why.",
                    "issues": ["it is <bad>"],
                }
            ],
            "ok_rules": ["good"],
        }
    }


def test_the_page_and_the_text(admin):
    html = admin.fetch("/admin/lint", accept=BROWSER).text
    assert "1 of 2 rules fail" in html and "it is &lt;bad&gt;" in html and "<bad>" not in html
    assert admin.fetch("/admin/lint").text == "Category: Bad <b> (bad): it is <bad>\n1 of 2 rules hold\n"


def test_the_banner_is_a_fragment_that_is_kept(admin, two_rules):
    assert admin.fetch("/admin/failedlint").text.startswith('<p class="banner banner-warning">1 lint rule fails')
    del two_rules["bad"]
    assert admin.fetch("/admin/failedlint").text != ""
    page._latest = None
    assert admin.fetch("/admin/failedlint").text == ""
