"""`check`: a version proves that it loads, answers as its signature says, and is fast enough."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_gitops.app.checking.candidate import CheckCandidate, fetch_candidate, read_candidate
from mlflow_gitops.app.checking.data import LabelledData, read_data
from mlflow_gitops.app.checking.rules import checks_asked, data_of, experiment_of
from mlflow_gitops.app.checking.running import CheckOptions, evaluate_answers, run_candidate
from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.byte_progress import byte_progress
from mlflow_gitops.commands.named_version import not_in_mlflow, observed_version, stage_aliases
from mlflow_gitops.commands.output import long_steps, note, print_result, warn
from mlflow_gitops.core.gates.files.checked import Checked, CheckedData, judge_values
from mlflow_gitops.core.gates.max_size import MaxSize
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.check_records import RUN_TAG, record_of
from mlflow_gitops.core.recorded.check_result import NotAResult, VersionCheck, read_result
from mlflow_gitops.core.times import format_datetime, parse_duration
from mlflow_gitops.edges.checking.confined import Limits
from mlflow_gitops.errors import OK, REFUSED, Failure, Refused, RegistryFailure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.checking.check import CheckOutput
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.core.manifests.manifest import VersionSpec
    from mlflow_gitops.edges.mlflow.registry import Registry


def check_options(env_manager: str, time_limit: str, memory_limit: str) -> CheckOptions:
    """The options of a run. Raises UsageFailure for a text that is no time or no size."""
    seconds = parse_duration(time_limit).total_seconds()
    try:
        size = MaxSize(memory_limit).bytes
    except (KeyError, ValueError):
        size = 0
    if not seconds:
        raise UsageFailure(f"--time-limit takes a length such as 15m, not {time_limit!r}.")
    if not size:
        raise UsageFailure(f"--memory-limit takes a size such as 8GiB, not {memory_limit!r}.")
    return CheckOptions(env_manager, Limits(seconds, size))


@dataclass(frozen=True, slots=True)
class Named:
    """The version that a person means, in MLflow and in git, and what the policy asks of its
    check."""

    workspace: Workspace
    registry: Registry
    model: str
    version: ObservedVersion
    spec: VersionSpec | None
    rules_by_stage: Mapping[str, Checked]

    def data(self) -> tuple[CheckedData, LabelledData] | None:
        """The policy's dataset, read; None if no stage names one."""
        named = data_of(self.rules_by_stage)
        if named is None:
            return None
        return named, read_data(self.workspace.checkout.top, named)


def run(
    settings: Settings,
    model: str,
    name: str,
    options: CheckOptions,
    form: str,
    *,
    stage: str | None,
    record_as: str | None,
) -> int:
    """Download the version that `name` means, run it, and print what was measured; record it in
    MLflow as the user `record_as`, unless that is None."""
    named = _find(settings, model, name, stage)
    data = named.data()
    with tempfile.TemporaryDirectory(prefix="mlflow-gitops-") as folder:
        candidate = _fetch(settings, named, Path(folder) / "candidate", data)
        at = format_datetime(settings.now())
        result = run_candidate(candidate, options, at, long_steps(settings))
    result = _evaluated(settings, result, data)
    return _finish(settings, named, result, form, record_as)


def run_download(
    settings: Settings, model: str, name: str, folder: Path, form: str, stage: str | None
) -> int:
    """Download what a check needs into `folder`, and run nothing."""
    from mlflow_gitops.render.written_files import WrittenFiles

    named = _find(settings, model, name, stage)
    candidate = _fetch(settings, named, folder, named.data())
    data = {
        "model": model,
        "version": candidate.version,
        "digest": candidate.digest,
        "data": candidate.data,
        "folder": str(folder),
    }
    sentence = f"{folder}: {model} {candidate.version}, {candidate.digest}"
    print_result(formats.DOWNLOADED, form, WrittenFiles(data, lines=[sentence]))
    return OK


def run_downloaded(settings: Settings, folder: Path, options: CheckOptions, form: str) -> int:
    """Run what is in `folder`. Neither git nor MLflow is asked."""
    at = format_datetime(settings.now())
    result = run_candidate(read_candidate(folder), options, at, long_steps(settings))
    print_result(formats.CHECK, form, CheckOutput(result))
    return OK if result.has_passed else REFUSED


def run_result(
    settings: Settings,
    model: str,
    name: str,
    file: Path,
    digest: str | None,
    form: str,
    *,
    stage: str | None,
    record_as: str | None,
) -> int:
    """Take a result that another job measured. It must be about the files of the version that
    `name` means: those with `digest`, by default those that MLflow has now."""
    named = _find(settings, model, name, stage)
    try:
        result = read_result(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotAResult) as error:
        raise Failure(f"{file} is not what check --format json printed: {error}.") from None
    if digest is None:
        with byte_progress(settings, f"Reading version {named.version.number}") as report:
            digest = named.registry.files(model, named.version, report).digest
    if (result.model, result.version, result.digest) != (model, named.version.number, digest):
        raise Refused(
            f"{file} is about other files than those of {model} {named.version.number} with the"
            f" digest {digest}."
        )
    # Metrics are measured here, where the labels are: the other job had only the rows.
    result = _evaluated(settings, replace(result, metrics={}), named.data())
    return _finish(settings, named, result, form, record_as)


def _find(settings: Settings, model: str, name: str, stage: str | None) -> Named:
    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings)
    rules_by_stage = checks_asked(workspace, model, stage)
    registry = connect(workspace, warn)
    observed = registry.read(model)
    if observed is None or observed.is_prompt:
        raise not_in_mlflow(model, registry.display_uri)
    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    number = observed_version(name, observed, aliases)
    manifest = workspace.tree().manifests.get(model)
    spec = manifest.versions.get(number) if manifest is not None else None
    return Named(workspace, registry, model, observed.versions[number], spec, rules_by_stage)


def _fetch(
    settings: Settings,
    named: Named,
    folder: Path,
    data: tuple[CheckedData, LabelledData] | None,
) -> CheckCandidate:
    version = f"{named.model} {named.version.number}"
    long_steps(settings)(f"downloading the files of {version}")
    with byte_progress(settings, f"Fetching {version}") as report:
        return fetch_candidate(
            named.registry,
            named.model,
            named.version,
            named.spec,
            folder,
            data[1] if data is not None else None,
            FileLists(named.workspace).find,
            report,
        )


def _evaluated(
    settings: Settings, result: VersionCheck, data: tuple[CheckedData, LabelledData] | None
) -> VersionCheck:
    """The result with the metrics of its predictions, which it then no longer needs."""
    if data is None or not result.has_passed:
        return replace(result, answers=None)
    named, labelled = data
    answers = result.answers or ()
    if result.data != labelled.sha256 or len(answers) != len(labelled.labels):
        fault = "it did not predict each row of the policy's dataset"
        return replace(result, answers=None, faults=(fault,))
    long_steps(settings)("comparing the predictions with the labels")
    metrics = evaluate_answers(named.type, labelled.labels, answers)
    return replace(result, answers=None, metrics=metrics)


def _finish(
    settings: Settings, named: Named, result: VersionCheck, form: str, record_as: str | None
) -> int:
    record = record_of(result)
    findings = {}
    if result.has_passed:
        findings = {
            stage: tuple(judge_values(record, rule, {}))
            for stage, rule in named.rules_by_stage.items()
        }
    run_id = _record(settings, named, result, record_as) if record_as is not None else None
    output = CheckOutput(result, findings, run_id)
    print_result(formats.CHECK, form, output)
    return OK if output.has_passed else REFUSED


def _record(settings: Settings, named: Named, result: VersionCheck, user: str) -> str:
    registry, version = named.registry, named.version
    run_id = registry.check_runs.write(
        experiment_of(named.rules_by_stage), result, user, version.model_id
    )
    try:
        registry.set_tag(named.model, version.number, RUN_TAG, run_id)
    except RegistryFailure as failure:
        note(
            settings, f"The version got no tag that names the run, and no gate needs it: {failure}"
        )
    return run_id
