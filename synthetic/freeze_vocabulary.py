"""Write vocabulary.json from Faker's word lists: `python -m pytest_floe.synthetic.freeze_vocabulary`.

The lists are frozen because Faker's grow with every release, and a seed must give the same names for good. Run this,
and raise streams.MAPPING_VERSION, to take newer ones.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from .vocabulary import LOCALES, mail_name

_MOST = 160
_FILE = Path(__file__).with_name("vocabulary.json")


def names_of(locale: str, kind: str) -> list[str]:
    """Faker's names in Latin script: `kind` is first or last; romanized where the locale writes otherwise."""
    provider = import_module(f"faker.providers.person.{locale}").Provider
    names = getattr(provider, f"{kind}_romanized_names", None) or getattr(provider, f"{kind}_names")
    return sorted({name for name in names if mail_name(name)})


def frozen() -> dict[str, dict[str, list[str]]]:
    """Per locale an even choice of first and last names."""
    locales = sorted({locale for several in LOCALES.values() for locale in several})
    return {locale: {kind: _thinned(names_of(locale, kind)) for kind in ("first", "last")} for locale in locales}


def _thinned(names: list[str]) -> list[str]:
    step = max(1, len(names) // _MOST)
    return names[::step][:_MOST]


if __name__ == "__main__":
    _FILE.write_text(json.dumps(frozen(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
