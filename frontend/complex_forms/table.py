"""All forms: by operator, or by all overloads of one."""

from __future__ import annotations

from typing import Any

from stepwell.frontend.complex_forms import arithmetic, fourier, functions, moving, reductions
from stepwell.frontend.complex_forms.pair import Form

FORMS: dict[Any, Form] = {
    **moving.FORMS, **arithmetic.FORMS, **functions.FORMS, **reductions.FORMS, **fourier.FORMS,
}  # fmt: skip
