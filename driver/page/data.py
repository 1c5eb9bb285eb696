"""What a page holds, as data that has the same bytes whenever the IR is the same."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from stepwell.driver.page.locations import Link, Node, Place
from stepwell.driver.page.sources import source_text
from stepwell.driver.page.text import PrintedIR, changes

#: Compressed bytes of IR between the ends of stages; what goes beyond them is a link to the dump's file.
MOST_BETWEEN = 16_000_000


@dataclass
class PageData:
    """Collects dumps in order.

    Attributes:
        views: facts of each dump; ``blob`` is the number of its text, None where the page does not hold it.
        blobs: gzip of ``{"lines": text, "links": [...]}`` in base64; links are runs of (link, count), -1 for none.
    """

    views: list[dict[str, Any]] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    _links: dict[Link, int] = field(default_factory=dict)
    _nodes: dict[Node, int] = field(default_factory=dict)
    _places: dict[Place, int] = field(default_factory=dict)
    _blob_numbers: dict[str, int] = field(default_factory=dict)
    _before: Counter[str] = field(default_factory=Counter)
    _last: str = ""
    _between: int = 0

    def add(self, ir: PrintedIR, *, name: str, stage: str, level: str, file: str, end: bool) -> None:
        """Take a dump; ``end`` says that its stage ends with it."""
        text = "\n".join(ir.lines)
        view = {
            "name": name,
            "stage": stage,
            "level": level,
            "file": file,
            "end": end,
            "lines": len(ir.lines),
            "changed": text != self._last,
            "changes": changes(self._before, ir.operations) if self.views else [],
            "blob": self._blob(text, self._runs(ir), keep=end or not self.views),
        }
        self.views.append(view)
        self._before, self._last = ir.operations, text

    def add_code(self, text: str, *, name: str, file: str) -> None:
        """Take code of the target, which carries no locations."""
        lines = text.splitlines()
        self.views.append(
            {
                "name": name,
                "stage": "code",
                "level": name,
                "file": file,
                "end": True,
                "lines": len(lines),
                "changed": True,
                "changes": [],
                "blob": self._blob("\n".join(lines), [[-1, len(lines)]], keep=True),
            }
        )

    def to_json(self, title: str, target: str) -> dict[str, Any]:
        """Everything but the blobs."""
        last: dict[str, int] = {}
        for name, line in self._places:
            last[name] = max(line, last.get(name, 0))
        files = sorted(last)
        number = {name: index for index, name in enumerate(files)}
        return {
            "title": title,
            "target": target,
            "views": self.views,
            "sources": [{"path": name, "text": source_text(name, last[name])} for name in files],
            "places": [[number[name], line] for name, line in self._places],
            "nodes": [[name, -1 if place is None else self._places[place]] for name, place in self._nodes],
            "links": [
                [sorted(self._nodes[node] for node in link.nodes), sorted(self._places[place] for place in link.places)]
                for link in self._links
            ],
        }

    def _runs(self, ir: PrintedIR) -> list[list[int]]:
        runs: list[list[int]] = []
        for link in ir.links:
            number = self._link(link)
            if runs and runs[-1][0] == number:
                runs[-1][1] += 1
            else:
                runs.append([number, 1])
        return runs

    def _link(self, link: Link) -> int:
        if not link:
            return -1
        if link not in self._links:
            for place in sorted(link.places):
                self._places.setdefault(place, len(self._places))
            for node in sorted(link.nodes, key=lambda node: (node[0], node[1] or ("", 0))):
                self._nodes.setdefault(node, len(self._nodes))
            self._links[link] = len(self._links)
        return self._links[link]

    def _blob(self, text: str, runs: list[list[int]], *, keep: bool) -> int | None:
        content = json.dumps({"text": text, "links": runs}, separators=(",", ":"))
        if content in self._blob_numbers:
            return self._blob_numbers[content]
        if not keep and self._between > MOST_BETWEEN:
            return None
        packed = gzip.compress(content.encode(), 6, mtime=0)
        self._between += 0 if keep else len(packed)
        self.blobs.append(base64.b64encode(packed).decode())
        self._blob_numbers = {content: len(self.blobs) - 1}  # the last one: passes that change nothing follow it
        return len(self.blobs) - 1
