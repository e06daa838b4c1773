"""docs/causes.md says of every cause what the program says."""

from pathlib import Path

import pytest

from pytest_floe.causes import CAUSES

PAGE = (Path(__file__).parents[2] / "docs" / "causes.md").read_text()


@pytest.mark.parametrize("code", CAUSES)
def test_each_cause_has_its_section(code):
    cause = CAUSES[code]
    assert f"### {code}\n\n{cause.meaning}\n\nRemedy: {cause.remedy}\n" in PAGE


def test_the_page_names_no_cause_that_does_not_exist():
    assert {line.removeprefix("### ") for line in PAGE.splitlines() if line.startswith("### ")} == set(CAUSES)
