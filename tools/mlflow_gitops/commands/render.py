"""`render`: fills a template for each model and stage, so that what deploys files rolls out what
was approved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow_gitops.app.serving.rendering import Rendering, read_template, rendering, write
from mlflow_gitops.app.serving.resolved_stages import resolve_stages
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, print_result, warn
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.system.limits.bounded import bounded
from mlflow_gitops.errors import CHANGES, OK
from mlflow_gitops.render import formats
from mlflow_gitops.render.diff import unified
from mlflow_gitops.render.serving.filled_template import FilledTemplate, default_pattern
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What to fill: `models` and `stages` (all by default), by receipts if `effective`. `name` is
    the pattern of the files' names. `check` writes nothing; `prune` deletes the files of models
    that left."""

    models: Sequence[str] = ()
    stages: Sequence[str] = ()
    name: str | None = None
    effective: bool = False
    check: bool = False
    prune: bool = False


def run(
    settings: Settings, template_file: Path, folder: Path, options: RenderOptions, form: str
) -> int:
    """Fill a template into `folder` and print what changed. With `check`, exits 2 if something
    would change."""
    workspace = Workspace(settings.git_alone)
    environment = workspace.environment.name if workspace.environment else None
    has_environment = environment is not None
    pattern = options.name or default_pattern(template_file.name, has_environment=has_environment)
    text = read_template(template_file)
    with bounded():
        template = FilledTemplate(str(template_file), text, pattern, environment)
    stages = resolve_stages(workspace, options.models, options.stages, effective=options.effective)
    rendered = rendering(template, stages, folder)
    if not options.check:
        write(rendered, folder, prune=options.prune)

    changed = [file for file in rendered.files if file.is_changed]
    diffs = [
        unified(file.name, (file.before or "").encode(), file.after.encode()) for file in changed
    ]
    print_result(formats.RENDER, form, WrittenFiles(_data(rendered, options), diffs))
    for line in _leftover_sentences(rendered, options):
        warn(line)
    state = "would change" if options.check else "written"
    unchanged = len(rendered.files) - len(changed)
    note(settings, f"{counted(len(changed), 'file')} {state} in {folder}, {unchanged} unchanged.")
    return CHANGES if options.check and (changed or rendered.leftovers) else OK


def _leftover_sentences(rendered: Rendering, options: RenderOptions) -> Iterator[str]:
    for name, (model, stage) in rendered.leftovers.items():
        if options.prune and not options.check:
            yield f"{name} is deleted: no version of {model} holds {stage} any more."
        else:
            yield (
                f"{name} is left as it is: no version of {model} holds {stage} any more. Delete it,"
                " or run this with --prune."
            )


def _data(rendered: Rendering, options: RenderOptions) -> dict[str, Any]:
    """The JSON document (DESIGN §5)."""
    return {
        "files": [
            {"file": file.name, "changed": file.is_changed, **asdict(file.resolved)}
            for file in rendered.files
        ],
        "left": [
            {
                "file": name,
                "model": model,
                "stage": stage,
                "deleted": options.prune and not options.check,
            }
            for name, (model, stage) in rendered.leftovers.items()
        ],
    }
