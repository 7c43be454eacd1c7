"""The story, scene by scene: what is run, what must come of it, and what a newcomer is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.capstone.teller import Teller, Unexpected, clean_environment
from tests.support.servers import free_port, mlflow_server

PROJECT = Path(__file__).parent / "project"
NOTES = "refs/notes/mlflow-gitops:refs/notes/mlflow-gitops"


class Story:
    """One telling in `folder`, which holds a bare repository (the forge), a clone of it (the team's), another one (the
    reconciler's), the DVC storage and MLflow's own files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.team = folder / "team"
        self.serving, self.metrics = free_port(), free_port()
        self._pull_request = 0
        self.teller: Teller

    def tell(self) -> str:
        """Tell it; the page. Raises Unexpected where a step comes out otherwise."""
        self.folder.mkdir(parents=True)
        with mlflow_server(self.folder / "mlflow", f"sqlite:///{self.folder / 'mlflow.db'}") as address:
            self.teller = Teller(self.team, self._environment(address), self._hidden(address))
            self._set_up()
            try:
                self._data()
                self._baseline()
                self._good()
                self._better()
                self._worse()
                with self._watching() as log:
                    self._monitoring(log)
                self._looking_back()
            finally:
                self._stop_serving()
        return self.teller.page()

    # -- scenes ---------------------------------------------------------------------------------------------------------

    def _data(self) -> None:
        t = self.teller
        t.scene("1. Data")
        t.say(
            """The posts lie in a package; the team cuts them up. Git does not hold the files but what DVC writes beside them:
            an MD5, by which the file is found in a storage (here a folder, elsewhere a bucket)."""
        )
        t.run(
            "python prepare.py held-out", "python prepare.py posts --first 5000",
            "dvc add --quiet data/held-out.csv data/posts.csv", "cat data/posts.csv.dvc",
            says=[r"5000 posts, 50% positive", r"md5: [0-9a-f]{32}"],
        )  # fmt: skip
        t.run("git add . && git commit --quiet -m 'The first 5,000 posts'", "dvc push", "git push --quiet origin main")

    def _baseline(self) -> None:
        t = self.teller
        t.scene("2. A baseline, and why it is not served")
        t.say(
            """train.py learns a WordPiece vocabulary, trains a small BERT on one processor, and logs in MLflow its settings,
            its accuracy on the held-out posts, the data it learnt from with DVC's MD5, and the commit. Then it registers a
            version. Nobody serves that yet: its stage is None."""
        )
        self._train("baseline --layers 1 --epochs 1 --learning-rate 2e-4", 1, below=0.72)
        t.say(
            """A stage is a line in the manifest. First the version is pinned: to its run, and to the data that git says this
            run had. Then it is proposed for Staging, on a branch; what the plan says is what a reviewer of the pull request
            reads."""
        )
        self._to_staging(1, "A first try")
        t.say("validate.py loads what Staging holds, as a service would, and says in MLflow whether it will do.")
        t.run("python validate.py", expect=1, says=[r"version 1, loaded from Staging: .*: failed"])
        t.say("It will not, so a pull request for Production is refused, by the tag and by the metric. It is closed.")
        self._propose(
            1, "Production", "Something is better than nothing", expect=4,
            says=["1 may not enter Production", "validation", r"accuracy 0\.\d+ < 0\.72"],
        )  # fmt: skip
        t.run("git switch --quiet main && git branch --quiet -D sentiment-bert-1-production")

    def _good(self) -> None:
        t = self.teller
        t.scene("3. A good one, and how it comes to be served")
        self._train("good --epochs 3 --learning-rate 1e-3", 2, above=0.75)
        self._to_staging(2, "Two layers, three rounds over the data")
        t.run("python validate.py", says=[r"version 2, loaded from Staging: .*: passed"])
        self._propose(
            2, "Production", "Validated",
            says=["Production +— → 2", "✓ from Staging", "✓ validation is passed|✓ .*validation", "✓ accuracy"],
        )  # fmt: skip
        self._merge("sentiment-bert-2-production", "Promote sentiment-bert 2 to Production")
        t.say(
            """Reconcile says in JSON what it changed. deploy.py reads that, and restarts MLflow's scoring server (FastAPI)
            where it is about Production. Each answer names the run that made the model, so deploy.py can check which version
            it is that answers."""
        )
        self._deploy(2)
        t.run(self._question(), says=[r'"sentiment": "positive".*"sentiment": "negative"'])

    def _better(self) -> None:
        t = self.teller
        t.scene("4. New data, and a better one")
        t.say("More posts have been collected. DVC stores the new file beside the old one; git holds another MD5.")
        t.run(
            "python prepare.py posts", "dvc add --quiet data/posts.csv",
            "git commit --quiet --all -m 'All posts so far' && git push --quiet origin main", "dvc push",
            "git diff HEAD~1 -- data/posts.csv.dvc", says=[r"-- md5", r"\+- md5"],
        )  # fmt: skip
        t.say("The next version reads only the first 24 word pieces of a post, which is faster; posts are short.")
        self._train("better --epochs 3 --learning-rate 7e-4 --max-length 24 --no-threads", 3, above=0.75)
        t.say(
            """What if somebody pins it to the wrong data? The plan compares the pin with what the run logged, and refuses:
            nothing is promoted by its number alone."""
        )
        old = self._md5("HEAD~1")
        t.run("git switch --quiet -c wrong-data", "python pin_data.py 3")
        t.run(
            f"sed -i.bak '/^  3:/,$ s/md5: .*}}/md5: {old}}}/' registry/models/sentiment-bert.yaml && rm registry/models/*.bak",
            "mlflow-gitops promote sentiment-bert 3 Staging",
            "mlflow-gitops plan",
            expect=4, says=[rf"pin: version 3 is pinned to data/posts.csv with md5 {old}, its run logged (?!{old})"],
        )  # fmt: skip
        t.run("git restore registry && git switch --quiet main && git branch --quiet -D wrong-data")
        self._to_staging(3, "Trained on all posts so far")
        t.run("python validate.py", says=[r"version 3, loaded from Staging: .*: passed"])
        self._propose(3, "Production", "Trained on all posts so far", says=["Production +2 → 3", "✓ no worse than 2"])
        self._merge("sentiment-bert-3-production", "Promote sentiment-bert 3 to Production")
        self._deploy(3)

    def _worse(self) -> None:
        t = self.teller
        t.scene("5. A worse one, which is refused with the numbers")
        t.say(
            "Somebody saves on training. It is above the floor, so it passes validation; it is worse than what is served."
        )
        self._train("hasty --epochs 1 --learning-rate 1.5e-4 --max-length 24 --no-threads", 4, above=0.72)
        self._to_staging(4, "A third of the time to train")
        t.run("python validate.py", says=[r"version 4, loaded from Staging: .*: passed"])
        self._propose(
            4, "Production", "A third of the time to train", expect=4,
            says=[r"4 may not enter Production: accuracy 0\.\d+ is worse than 3's 0\.\d+"],
        )  # fmt: skip
        t.run("git switch --quiet main && git branch --quiet -D sentiment-bert-4-production")
        self._answers(3)

    def _monitoring(self, log: Path) -> None:
        t = self.teller
        t.scene("6. In the field: what people write changes, and the rollback")
        t.say(
            """From here on the reconciler runs by itself, beside the team: it looks at the main branch every few seconds,
            applies what was merged, and deploy.py follows it."""
        )
        t.show(
            [
                "$ mlflow-gitops reconcile --watch --interval 3s --push-receipts --format json \\",
                f"    --listen 127.0.0.1:{self.metrics} | python deploy.py &",
            ]
        )
        t.run(
            f"curl --silent http://127.0.0.1:{self.metrics}/metrics | grep '^mlflow_gitops_models'",
            says=[r'state="Synced"\} 1\.0'],
        )
        t.say(
            """People begin to write threads: a post that sets the scene, and the opinion only after it. monitor.py sends such
            posts to the server. It tells how many answers are right, and whether the posts look like those that the model
            learnt from: 'drift' compares their lengths (the population stability index, explained in monitor.py), and above
            0.25 they do not. Version 3 stops reading before the opinion comes; monitor.py opens the rollback, where a pull
            request follows."""
        )
        t.run("python prepare.py fresh")
        before = t.run(
            "python monitor.py data/fresh.csv --rollback too-many-wrong", expect=1,
            says=[r'"version": 3,', r'"drifted": true', r'"healthy": false', "Committed .* on too-many-wrong"],
        )  # fmt: skip
        t.run("git push --quiet origin too-many-wrong", "mlflow-gitops plan --rev too-many-wrong --onto main",
              says=["Production +3 → 2", "rollback: 2 held Production before"])  # fmt: skip
        self._merge("too-many-wrong", "Roll sentiment-bert Production back to 2")
        self._wait(log, "version 2 answers")
        t.say(
            "Once it is merged, nobody has to do anything: seconds later the reconciler has applied it, and deploy.py says:"
        )
        t.show(log.read_text().splitlines()[-1:])
        after = t.run("python monitor.py data/fresh.csv", says=[r'"version": 2,', r'"healthy": true'])
        if not _accuracy(after) > _accuracy(before) + 0.1:
            raise Unexpected(f"The rollback did not help:\n{before}\n{after}")
        t.say("Version 2, which reads on, was right to go back to. The next version should learn from threads.")

    def _looking_back(self) -> None:
        t = self.teller
        t.scene("7. Looking back: who did what, and what is served made from")
        t.run(f"git pull --quiet && git fetch --quiet origin {NOTES}", "mlflow-gitops log sentiment-bert --stage Production",
              says=["— → 2", "2 → 3", "3 → 2", "applied"])  # fmt: skip
        t.say(
            """From which data, run and code came what is in Production? The pins tell it offline, MLflow adds the commit. The
            report, a page for people without a terminal, tells the same."""
        )
        shown = t.run("mlflow-gitops show sentiment-bert --lineage",
                      says=[r"Production 2 ", r"data/posts.csv \(md5 [0-9a-f]{32}\)", r"code commit [0-9a-f]{12}"])  # fmt: skip
        code = re.search(r"code commit ([0-9a-f]{12})", shown)
        assert code is not None
        md5 = self._md5(code[1])
        Teller.expect(shown, [md5])
        t.run("mlflow-gitops report --out ../report", "mlflow-gitops verify", says=["all explained"])
        page = (self.folder / "report" / "index.html").read_text(encoding="utf-8")
        Teller.expect(page, [f"data/posts.csv \\(md5 {md5}\\)", f"code commit {code[1]}"])
        t.say("And that commit gives the very data back, from DVC's storage:")
        t.run(f"git switch --quiet --detach {code[1]}", "rm data/posts.csv && dvc pull --quiet data/posts.csv.dvc",
              "python -c \"import hashlib; print(hashlib.md5(open('data/posts.csv', 'rb').read()).hexdigest())\"",
              says=[md5])  # fmt: skip

    # -- what several scenes do -----------------------------------------------------------------------------------------

    def _train(self, how: str, version: int, *, above: float = 0.0, below: float = 1.0) -> None:
        printed = self.teller.run(f"python train.py {how}", says=[f"sentiment-bert version {version} "])
        accuracy = float(re.findall(r"accuracy (\d\.\d+)", printed)[-1])
        if not above < accuracy < below:
            raise Unexpected(f"Version {version} has the accuracy {accuracy}, not between {above} and {below}.")

    def _to_staging(self, version: int, why: str) -> None:
        """Pin a version, propose it for Staging, merge that and reconcile."""
        branch = f"sentiment-bert-{version}"
        self.teller.run(
            f"git switch --quiet -c {branch}", f"python pin_data.py {version}",
            f"git commit --quiet --all -m 'Pin sentiment-bert {version}'",
            f"mlflow-gitops promote sentiment-bert {version} Staging --commit -m '{why}'",
            f"mlflow-gitops plan --rev {branch} --onto main",
            says=[rf"\+  Staging: {version}", "✓ pinned"],
        )  # fmt: skip
        self._merge(branch, f"Promote sentiment-bert {version} to Staging")
        self.teller.run("mlflow-gitops reconcile --yes --push-receipts", says=["sentiment-bert .*applied|applied"])
        stages = json.loads(self._quiet("mlflow-gitops status --format json"))["models"][0]["stages"]
        if stages.get("Staging") != [version]:
            raise Unexpected(f"MLflow should show {version} in Staging, and shows {stages}.")

    def _propose(self, version: int, stage: str, why: str, *, says: list[str], expect: int = 0) -> None:
        """Propose a version on a branch, and plan its merge."""
        branch = f"sentiment-bert-{version}-{stage.lower()}"
        time.sleep(max(0.0, 6 - (time.monotonic() - self._merged)))  # the policy's soak
        self.teller.run(
            f"mlflow-gitops promote sentiment-bert {version} {stage} --branch {branch} -m '{why}'",
            f"mlflow-gitops plan --rev {branch} --onto main", expect=expect, says=says,
        )  # fmt: skip

    def _merge(self, branch: str, subject: str) -> None:
        """What a forge does when somebody presses the button."""
        self._pull_request += 1
        self.teller.run(
            f"git switch --quiet main && git merge --quiet --no-ff -m '{subject} (#{self._pull_request})' {branch}",
            "git push --quiet origin main",
        )
        self._merged = time.monotonic()

    def _deploy(self, version: int) -> None:
        self.teller.run(
            "mlflow-gitops reconcile --yes --push-receipts --format json | tee ../reconciled.json | python deploy.py",
            says=[f"version {version} answers"],
        )
        changed = json.loads((self.folder / "reconciled.json").read_text())["changed"]
        if changed != [{"model": "sentiment-bert", "stage": "Production", "version": version}]:
            raise Unexpected(f"reconcile should have changed Production to {version}, and says {changed}.")
        self._answers(version)

    def _answers(self, version: int) -> None:
        """Raises Unexpected unless the server answers by this version."""
        said = self._quiet("python -c 'import deploy; print(deploy.answering())'").strip()
        if said != str(version):
            raise Unexpected(f"Version {version} should answer, and {said} does.")

    def _question(self) -> str:
        posts = '[["What a great flight, thank you so much!"], ["Worst service ever, lost my bag again."]]'
        body = f'{{"dataframe_split": {{"columns": ["text"], "data": {posts}}}}}'
        address = f"http://127.0.0.1:{self.serving}/invocations"
        return f"curl --silent -H 'Content-Type: application/json' -d '{body}' {address}"

    @contextmanager
    def _watching(self) -> Iterator[Path]:
        """The reconciler by itself, in a clone of its own, and deploy.py behind it; yields what deploy.py says."""
        clone, log = self.folder / "reconciler", self.folder / "deploy.log"
        self._quiet(f"git clone --quiet ../forge.git {clone}")
        watch = f"mlflow-gitops --repo {clone} reconcile --watch --interval 3s --push-receipts --format json"
        command = f"exec {watch} --listen 127.0.0.1:{self.metrics} 2>{self.folder / 'watch.log'} | python deploy.py"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", command], cwd=self.team, env=self.teller.environment, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_for_metrics()
            yield log
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)

    def _wait_for_metrics(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            address = f"http://127.0.0.1:{self.metrics}/metrics"
            with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                if 'state="Synced"} 1' in answer.read().decode():
                    return
            time.sleep(0.5)
        raise Unexpected("The watching reconciler does not say that all is Synced: " + self._tail("watch.log"))

    def _wait(self, log: Path, said: str) -> None:
        end = time.monotonic() + 120
        while said not in log.read_text():
            if time.monotonic() > end:
                raise Unexpected(f"deploy.py did not say {said!r}: {log.read_text()} {self._tail('watch.log')}")
            time.sleep(0.5)

    def _tail(self, name: str) -> str:
        return (self.folder / name).read_text()[-2000:]

    # -- around it ------------------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        """The forge, the team's clone with the project's files in it, and DVC's storage."""
        shutil.copytree(PROJECT, self.team, ignore=shutil.ignore_patterns("__pycache__"))
        (self.team / "data").mkdir()
        for command in (
            "git init --quiet --bare --initial-branch=main ../forge.git", "git init --quiet --initial-branch=main",
            "git remote add origin ../forge.git", "dvc init --quiet", "dvc config core.analytics false",
            "dvc remote add --quiet --default storage ../dvc-storage",
            "git add . && git commit --quiet -m 'Code, policy, and a manifest without a version'",
            "git push --quiet --set-upstream origin main", "git remote set-head origin main",
        ):  # fmt: skip
            self._quiet(command)

    def _quiet(self, command: str) -> str:
        """Run what is no part of the story."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.team, env=self.teller.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise Unexpected(f"{command}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done.stdout

    def _md5(self, commit: str) -> str:
        """The MD5 of the posts as a commit has it."""
        found = re.search("md5: ([0-9a-f]{32})", self._quiet(f"git show {commit}:data/posts.csv.dvc"))
        assert found is not None
        return found[1]

    def _environment(self, address: str) -> dict[str, str]:
        here = clean_environment()
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "The language team"), ("EMAIL", "language@example.org"))}  # fmt: skip
        return here | who | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{here.get('PATH', '')}",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TEMPLATE_DIR": "",
            "MLFLOW_TRACKING_URI": address, "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "PYTHONWARNINGS": "ignore",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "HF_HUB_OFFLINE": "1",
            "SERVING_PORT": str(self.serving), "SERVING_STATE": str(self.folder / "serving"),
            "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def _hidden(self, address: str) -> dict[str, str]:
        return {
            address: "http://127.0.0.1:5000", f":{self.serving}/": ":8000/", f":{self.metrics}": ":9469",
            str(self.folder): "~/capstone",
        }  # fmt: skip

    def _stop_serving(self) -> None:
        kept = self.folder / "serving" / "pid"
        if kept.exists():
            with suppress(ProcessLookupError):
                os.killpg(int(kept.read_text()), signal.SIGTERM)


def _accuracy(said: str) -> float:
    return float(re.findall(r'"accuracy": ([\d.]+)', said)[0])
