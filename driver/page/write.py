"""Writes the page of a compilation beside its dumps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch_mlir import ir

from stepwell.backends.base import Backend, Code
from stepwell.driver.page.data import PageData
from stepwell.driver.page.text import read_ir
from stepwell.passes.check_level import CheckLevel
from stepwell.passes.dump import file_stem
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import PassRecord
from stepwell.support.atomic import write_text

PAGE, TIMES = "index.html", "times.js"
_HERE = Path(__file__).parent
_SHOWN = (".ptx", ".sv")


class Page:
    """An observer of a compilation that writes dumps to ``folder``; the page of them is written behind a ``with``.

    ``index.html`` holds all that it shows and has the same bytes for the same IR. How long passes took is in
    ``times.js`` beside it, and may be missing. Where the compilation fails the page has what there is.

    Attributes:
        code: what the target emitted, if the compilation came that far.
    """

    def __init__(self, folder: Path, backend: Backend, title: str, target: str) -> None:
        self._folder = folder
        self._backend = backend
        self._title, self._target = title, target
        self._records: list[PassRecord] = []
        self._printed: dict[str, str] = {}
        self.code: Code | None = None

    def __enter__(self) -> Page:
        return self

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if self._records or failure is None:
            self.write()

    def __call__(self, record: PassRecord, module: ir.Operation) -> None:
        self._records.append(record)
        if record.name.startswith(CheckLevel.name):
            for form, level in self._backend.printed_forms.items():
                if level == record.level:
                    self._printed[form] = self._backend.print_form(module, form)

    def write(self) -> Path:
        """Write the page; gives the path of ``index.html``."""
        data = PageData()
        first = self._records[0].level if self._records else ""
        self._add(data, "000-input.mlir", "input", "input", first, end=False)
        for record in self._records:
            file = f"{record.index:03d}-{file_stem(parse_element(record.name))}.mlir"
            end = record.name.startswith(CheckLevel.name)
            self._add(data, file, record.name, record.stage, record.level, end=end)
        for form, text in self._printed.items():
            data.add_code(text, name=form, file="")
        for name, content in (self.code.files if self.code else {}).items():
            if name.endswith(_SHOWN):
                data.add_code(content.decode(), name=name, file="")
        path = self._folder / PAGE
        write_text(path, render(data, self._title, self._target))
        times = [0.0, *(round(record.seconds * 1e3, 2) for record in self._records)]
        write_text(self._folder / TIMES, f"window.stepwellTimes = {json.dumps(times)};\n")
        return path

    def _add(self, data: PageData, file: str, name: str, stage: str, level: str, *, end: bool) -> None:
        text = (self._folder / file).read_text(encoding="utf-8")
        data.add(read_ir(text), name=name, stage=stage, level=level, file=file, end=end)


def render(data: PageData, title: str, target: str) -> str:
    """The whole page as text."""
    parts = {
        "title": _escaped(title),
        "style": (_HERE / "page.css").read_text(encoding="utf-8"),
        "script": (_HERE / "page.js").read_text(encoding="utf-8"),
        "data": _json(data.to_json(title, target)),
        "blobs": "\n".join(
            f'<script type="application/gzip" id="blob-{number}">{blob}</script>'
            for number, blob in enumerate(data.blobs)
        ),
    }
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    pieces = page.split("@@")
    return "".join(piece if index % 2 == 0 else parts[piece] for index, piece in enumerate(pieces))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
