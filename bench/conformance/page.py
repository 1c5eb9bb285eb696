"""``docs/conformance.md``: outcomes by operator, and what changed since the page was last written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.conformance.judge import KINDS
from bench.conformance.pool import Result
from bench.sections import table, update

HEAD = """# Conformance

Written by `make conformance`: operators of test suites that others wrote, on target `cpu`, each sample in a worker
that may crash. *Right* is within the suite's own tolerance of PyTorch's result, of float64's, or (polygamma and
Bessel functions) of SciPy's; bytes that are interpolated may be one apart, as PyTorch's own are from the nearest.
*Refused* ended with a message; *wrong* and *crashed* (also: no answer in time, an error that is not ours) are
mistakes. *Random* samples (which draw random numbers, or whose results differ from call to call) and *invalid* ones
(which PyTorch refuses) are not counted. Where a call writes into its arguments, the model gives their new values.
With *every size dynamic* sizes of 2 and more are left open where torch.export can, and run as the example has them.
ONNX's tests of operator sets below 13 are raised to 13; those of domains, types and containers that are not read
count as refused. What torch-mlir's own route lowers of the refused samples is the least that is expected of us.
"""
_COUNTED = KINDS[:4]


@dataclass(frozen=True)
class _Row:
    """How many samples of each kind, and the message of the first that is not right."""

    counts: Counter[str]
    trouble: str


def counts(result: Result) -> Counter[str]:
    """How many samples of each kind."""
    return Counter(outcome.kind for outcome in result.outcomes)


def write(
    path: Path, section: str, title: str, results: Sequence[Result], order: Sequence[str], *, keep: bool = False
) -> list[str]:
    """Write one section; gives what got better or worse, a line each.

    ``keep`` leaves the rows of operators that are not among ``results``, and says how many these are.
    """
    before = _rows(path, section)
    now = {result.operator: _Row(counts(result), _first_trouble(result)) for result in results}
    changes = _changes(before, now)
    kept = {name: row for name, row in before.items() if keep and name not in now}
    title = f"{title}; {len(kept)} rows are of the run before" if kept else title
    update(path, HEAD, {section: "\n".join(_section(title, kept | now, changes))}, order)
    return changes


def short_of_right(path: Path, section: str, operators: Sequence[str]) -> list[str]:
    """Those of ``operators`` that the page doesn't say are right in all samples."""
    rows = _rows(path, section)
    return [name for name in operators if name not in rows or any(rows[name].counts[kind] for kind in _COUNTED[1:])]


def write_fallback(path: Path, section: str, title: str, results: Sequence[Result], order: Sequence[str]) -> None:
    """Write the section on what runs with ``fallback="torch"``: the share, and the operators that do not."""
    found = [outcome for result in results for outcome in result.outcomes if outcome.kind in _COUNTED]
    right = Counter(outcome.message or "compiled" for outcome in found if outcome.kind == "right")
    others = Counter(outcome.kind for outcome in found)
    share = 100 * right.total() / max(len(found), 1)
    lines = [
        f'## {title}, with `fallback="torch"`',
        "",
        f"Samples that run and are right: {right.total()} of {len(found)} ({share:.1f}%); {right['compiled']} "
        f"compiled, {right['regions']} in regions of which PyTorch runs some, {right['whole']} in PyTorch as a whole. "
        + ", ".join(f"{kind}: {others[kind]}" for kind in _COUNTED[1:])
        + ".",
        "",
    ]
    short = [result for result in results if any(outcome.kind in _COUNTED[1:] for outcome in result.outcomes)]
    rows = [
        [f"`{result.operator}`", *(str(counts(result)[kind] or "") for kind in _COUNTED), _first_trouble(result)]
        for result in sorted(short, key=lambda one: one.operator)
    ]
    table_lines = table(["operator", *_COUNTED, "the first that is not right"], rows) if rows else []
    update(path, HEAD, {section: "\n".join([*lines, *table_lines])}, order)


def _section(title: str, rows: Mapping[str, _Row], changes: Sequence[str]) -> list[str]:
    found = [row.counts for row in rows.values()]
    measured = [one for one in found if any(one[kind] for kind in _COUNTED)]
    samples = sum(one[kind] for one in measured for kind in _COUNTED)
    right = sum(one["right"] for one in measured)
    whole = sum(all(one[kind] == 0 for kind in _COUNTED[1:]) for one in measured)
    lines = [f"## {title}", ""]
    if samples:
        lines += [
            f"Samples right: {right} of {samples} ({100 * right / samples:.1f}%). "
            f"Operators right in all samples: {whole} of {len(measured)} ({100 * whole / len(measured):.1f}%). "
            + ", ".join(f"{kind}: {sum(one[kind] for one in measured)}" for kind in KINDS[1:4])
            + f". Apart: {sum(one['random'] for one in found)} random, {sum(one['invalid'] for one in found)} invalid.",
            "",
        ]
    if changes:
        lines += ["Since the last run:", "", *(f"- {change}" for change in changes), ""]
    cells = [
        [f"`{name}`", *(str(row.counts[kind] or "") for kind in KINDS), row.trouble]
        for name, row in sorted(rows.items())
    ]
    return [*lines, *table(["operator", *KINDS, "the first that is not right"], cells)]


def _first_trouble(result: Result) -> str:
    for kind in ("crashed", "wrong", "refused"):
        for outcome in result.outcomes:
            if outcome.kind == kind:
                return outcome.message.replace("|", "\\|").replace("\n", " ")[:120]
    return ""


def _rows(path: Path, section: str) -> dict[str, _Row]:
    """What the page says now."""
    text = path.read_text() if path.exists() else ""
    found = re.search(rf"<!-- {section} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    rows: dict[str, _Row] = {}
    for line in (found.group(1) if found else "").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.removeprefix("|").removesuffix("|"))]
        if len(cells) > len(KINDS) and cells[0].startswith("`"):
            numbers = cells[1 : 1 + len(KINDS)]
            kinds = Counter({kind: int(n or 0) for kind, n in zip(KINDS, numbers, strict=True)})
            rows[cells[0].strip("`")] = _Row(kinds, cells[1 + len(KINDS)])
    return rows


def _changes(before: Mapping[str, _Row], now: Mapping[str, _Row]) -> list[str]:
    """Of operators that as many samples were taken of as before."""
    lines = []
    for name in sorted(before.keys() & now.keys()):
        old, new = before[name].counts, now[name].counts
        parts = [f"{kind} {old[kind]} to {new[kind]}" for kind in _COUNTED if old[kind] != new[kind]]
        if parts and old.total() == new.total():
            lines.append(f"`{name}`: {', '.join(parts)}")
    return lines
