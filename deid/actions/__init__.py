"""What a policy does beyond masking: columns taken out, values made coarser (field rules).

A rule speaks of a field (``patterns/fields.yaml``); a column, a box of a form and a labelled value
in running text are judged to be of a field by the same words. More protective always wins: a rule
never shows what an entity's operator hides.

rules     which rule a column, box or label is under, and what it makes of one value
labels    labelled values in running text
grids     what is known of one table while its cells go by
drops     columns that go: taken out, cut out of lines, blanked where they cannot go
reshaping the cells and lines of one document in order
checking  an output without some of its columns, compared with what it should be
"""

from __future__ import annotations

from deid.actions.checking import changed_rows, lost_texts
from deid.actions.reshaping import Reshaped, Reshaping, reshaped
from deid.actions.rules import Rules, Verdict, effective

__all__ = [
    "Reshaped", "Reshaping", "Rules", "Verdict", "changed_rows", "effective", "lost_texts",
    "reshaped",
]  # fmt: skip
