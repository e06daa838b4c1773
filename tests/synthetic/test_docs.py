from __future__ import annotations

import re
from pathlib import Path

from pytest_floe.synthetic.quality import rate_names

PAGE = Path(__file__).parents[2] / "docs" / "synthetic.md"


def test_the_examples_of_the_page_run():
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 4
    names: dict[str, object] = {"__name__": "page"}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)


def test_the_page_names_every_rate():
    assert [name for name in rate_names() if f"`{name}`" not in PAGE.read_text(encoding="utf-8")] == []
