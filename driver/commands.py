"""What each command of the command line does; every one gives text for people and data for programs."""

from __future__ import annotations

import argparse
import io
import statistics
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """A command's outcome."""

    text: str = ""
    data: Any = field(default_factory=dict)
    success: bool = True


def run_compile(options: argparse.Namespace) -> Result:
    """``stepwell compile``."""
    from stepwell.backends.registry import backend
    from stepwell.backends.target import Target
    from stepwell.driver.artifact import check_place
    from stepwell.driver.emit import LevelTexts, check_kinds, emit_extras
    from stepwell.driver.request import Request
    from stepwell.driver.sources import resolve

    kinds = [kind for kind in options.emit.split(",") if kind]
    check_kinds(kinds, options.target, options.pipeline)
    check_place(options.output)
    model, args = resolve(options.model)
    samples = _samples(options)
    request = Request(
        model, args, None, options.target, None, options.pipeline, options.dump_ir, samples, html=options.html
    )
    levels = LevelTexts(kinds, backend(Target.parse(options.target).name))
    use_cache = not (options.no_cache or options.time_passes)
    executable = request.compile(tuple(kinds), use_cache=use_cache, observers=[levels] if levels else [])
    executable.save(options.output)
    emit_extras(kinds, executable, options.output)
    levels.write(options.output)
    report = executable.report
    assert report is not None
    source = ", code from the cache" if "cache" in report.notes else ""
    text = report.table() + f"\nwrote {options.output}{source}"
    if options.time_passes:
        text = report.passes.timing_table() + "\n\n" + text
    return Result(text, report.to_json())


def _samples(options: argparse.Namespace) -> Any:
    from stepwell.driver.calibration import GIVEN, Calibration

    return Calibration((), GIVEN, files=options.calibrate) if options.calibrate else None


def run_lower(options: argparse.Namespace) -> Result:
    """``stepwell lower``."""
    from stepwell.driver.request import Request
    from stepwell.driver.sources import resolve
    from stepwell.frontend.mlir_save import save_mlir
    from stepwell.passes.levels import level

    level(options.to)
    model, args = resolve(options.model)
    request = Request(model, args, None, options.target, None, options.pipeline, options.dump_ir, html=options.html)
    program = request.lower(options.to)
    if options.output:
        weights = save_mlir(program.module, options.output, program.parameters)
        text = f"wrote {options.output} and {weights}"
        return Result(text, {"level": options.to, "ir": str(options.output), "parameters": str(weights)})
    text = str(program.module)
    return Result(text, {"level": options.to, "ir": text})


def run_run(options: argparse.Namespace) -> Result:
    """``stepwell run``."""
    import numpy as np

    from stepwell.driver import api
    from stepwell.driver.samples import read_inputs
    from stepwell.support.atomic import write_bytes
    from stepwell.support.carried import carried

    executable = api.load(options.artifact)
    plan = executable.plan(options.entry)
    inputs = read_inputs(plan.signature, options.inputs, options.seed)
    session = executable.runnable.new_session()
    results = plan.outer(executable.runnable.run(session, options.entry, plan.check(inputs)))
    names = [spec.name for spec in plan.signature.results]
    if options.output:
        arrays = {f"output_{i}": _as_numpy(result) for i, result in enumerate(results)}
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        write_bytes(options.output, stream.getvalue())
    lines = [
        f"output {i} ({name}): {list(result.shape)} {result.dtype}\n{result}"
        for i, (name, result) in enumerate(zip(names, results, strict=True))
    ]
    lines += [f"{fact}: {value}" for fact, value in executable.facts.items()]
    data = {"outputs": [carried(result).tolist() for result in results], "facts": dict(executable.facts)}
    return Result("\n".join(lines), data)


def run_rebind(options: argparse.Namespace) -> Result:
    """``stepwell rebind``."""
    from dataclasses import asdict

    from stepwell.driver.rebind import rebind_artifact

    rebound = rebind_artifact(options.artifact, options.weights)
    text = (
        f"took {len(rebound.taken)} weights of {options.weights}, prepared {len(rebound.prepared)} from them, "
        f"kept {len(rebound.kept)} constants"
    )
    return Result(text, asdict(rebound))


def run_bench(options: argparse.Namespace) -> Result:
    """``stepwell bench``: whole calls through Python, after a warm-up."""
    from stepwell.driver import api
    from stepwell.driver.samples import read_inputs

    executable = api.load(options.artifact)
    plan = executable.plan(options.entry)
    inputs = plan.check(read_inputs(plan.signature, [], 0))
    session = executable.runnable.new_session()
    seconds = []
    for repeat in range(options.repeat + 3):
        start = time.perf_counter()
        executable.runnable.run(session, options.entry, inputs)
        if repeat >= 3:
            seconds.append(time.perf_counter() - start)
    data = {"median_ms": statistics.median(seconds) * 1e3, "min_ms": min(seconds) * 1e3, "runs": len(seconds)}
    text = f"median {data['median_ms']:.3f} ms, min {data['min_ms']:.3f} ms over {data['runs']} runs"
    return Result(text, data)


def run_report(options: argparse.Namespace) -> Result:
    """``stepwell report``."""
    from stepwell.driver import api
    from stepwell.support.atomic import write_bytes

    report = api.load(options.artifact).runnable.layer_report(options.frames, options.seed)
    text = report.text
    if options.svg:
        write_bytes(options.svg, report.picture.encode())
        text += f"\nwrote {options.svg}"
    return Result(text, report.data)


def run_profile(options: argparse.Namespace) -> Result:
    """``stepwell profile``."""
    from pathlib import Path

    from stepwell.driver.profiling.measure import profile
    from stepwell.driver.profiling.roofline import roofline_text, save_roofline
    from stepwell.driver.sources import resolve

    model, args = (options.model, ()) if Path(options.model).is_dir() else resolve(options.model)
    found = profile(
        model,
        args,
        target=options.target,
        pipeline=options.pipeline,
        repeat=options.repeat,
        threads=options.threads,
    )
    text = found.table(options.by, options.rows)
    if options.trace:
        found.save_trace(options.trace)
        text += f"\nwrote {options.trace}"
    if options.roofline == Path("-"):
        text += "\n\n" + roofline_text(found)
    elif options.roofline:
        save_roofline(found, options.roofline)
        text += f"\nwrote {options.roofline}"
    return Result(text, found.to_json())


def run_tune(options: argparse.Namespace) -> Result:
    """``stepwell tune``."""
    from stepwell.driver.tuning.report import tune_text, tuned_data
    from stepwell.driver.tuning.tune import tune

    tuned = tune(
        options.model,
        target=options.target,
        pipeline=options.pipeline,
        database=options.database,
        budget=options.budget,
        threads=options.threads,
        entry=options.entry,
    )
    return Result(tune_text(tuned), tuned_data(tuned))


def run_cache(options: argparse.Namespace) -> Result:
    """``stepwell cache``."""
    from stepwell.driver.compile_cache import kept_code, kept_parameters
    from stepwell.support.cache_folder import VARIABLE

    kept, files = kept_code(), kept_parameters()
    if kept is None or files is None:
        return Result(f"nothing is kept: {VARIABLE}=off", {"folder": None, "entries": [], "parameters": []})
    place = str(kept.folder.parent)
    if options.action == "clear":
        counts = {"entries": kept.clear(), "parameters": files.clear()}
        left = len(files.entries())
        text = f"removed {counts['entries']} entries and {counts['parameters']} parameter files from {place}"
        return Result(text + (f", {left} are in use" if left else ""), {"folder": place, "removed": counts})
    rows = [{**vars(entry), **_known(kept.facts(entry.key))} for entry in kept.entries()]
    parameters = [vars(entry) for entry in files.entries()]
    lines = [_kept_line(row) for row in rows]
    lines += [_kept_line({**row, "model": "parameters", "target": ""}) for row in parameters]
    for what, found in (("entries", rows), ("parameter files", parameters)):
        total = sum(row["bytes"] for row in found) / 1e6
        lines.append(f"{len(found)} {what}, {total:.2f} of {kept.limit / 1e6:.0f} MB")
    data = {"folder": place, "limit": kept.limit, "entries": rows, "parameters": parameters}
    return Result("\n".join([*lines, f"in {place}"]), data)


def _kept_line(row: dict[str, Any]) -> str:
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["used"]))
    megabytes, target = row["bytes"] / 1e6, row["target"].partition(",")[0]
    return f"{row['key'][:12]}  {megabytes:8.2f} MB  {used}  {row['model']}  {target}".rstrip()


def _known(facts: dict[str, Any]) -> dict[str, str]:
    return {name: str(facts.get(name, "")) for name in ("model", "target")}


def run_verify(options: argparse.Namespace) -> Result:
    """``stepwell verify``."""
    from stepwell.driver.sources import resolve
    from stepwell.driver.verify import verify

    model, args = resolve(options.model)
    report = verify(
        model, args, target=options.target, pipeline=options.pipeline, calibration=_samples(options), seed=options.seed
    )
    return Result(report.table(), report.to_json(), report.passed)


def run_analyze(options: argparse.Namespace) -> Result:
    """``stepwell analyze``."""
    from stepwell.driver.sources import resolve
    from stepwell.frontend.analyze import analyze

    model, args = resolve(options.model)
    analysis = analyze(model, args)
    return Result(analysis.table(), analysis.to_json())


def run_doctor(options: argparse.Namespace) -> Result:
    """``stepwell doctor``."""
    from stepwell.driver.doctor import examine

    findings = examine()
    width = max(len(finding.what) for finding in findings)
    text = "\n".join(f"{'ok ' if f.present else '-- '} {f.what:<{width}}  {f.detail}" for f in findings)
    return Result(text, [vars(finding) for finding in findings])


def _as_numpy(tensor: Any) -> Any:
    import torch

    narrow = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)  # numpy has none of them
    return tensor.float().numpy() if tensor.dtype in narrow else tensor.numpy()
