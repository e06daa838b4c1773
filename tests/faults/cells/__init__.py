"""Every cell, gap and reason for none, gathered from the modules of this folder; tests/faults/cell.py says how."""

from __future__ import annotations

import importlib
import pkgutil

from tests.faults.cell import Cell, Gap, NotApplicable, Twin

_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]

CELLS: list[Cell] = [cell for module in _MODULES for cell in getattr(module, "CELLS", ())]
GAPS: list[Gap] = [gap for module in _MODULES for gap in getattr(module, "GAPS", ())]
NOT_APPLICABLE: list[NotApplicable] = [one for module in _MODULES for one in getattr(module, "NOT_APPLICABLE", ())]
TWINS: list[Twin] = list({cell.twin.id: cell.twin for cell in CELLS}.values())
