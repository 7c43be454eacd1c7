"""The story, scene by scene: what is run, what must come of it, and what a newcomer reads."""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path

from tests.capstone.field import Field
from tests.capstone.surroundings import PROMETHEUS
from tests.capstone.teller import Teller, Unexpected
from tests.support.servers import mlflow_server

UNHEALTHY = ["unhealthy"] if PROMETHEUS is not None else []
"""What the audit trail says of the version that was rolled back."""


def tell(folder: Path) -> str:
    """Tell it in an empty folder; the page. Raises Unexpected where a step comes out otherwise."""
    folder.mkdir(parents=True)
    with mlflow_server(folder / "mlflow", f"sqlite:///{folder / 'mlflow.db'}") as address:
        return Story(folder, address).tell()


class Story(Field):
    """One telling."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder, address)
        self.teller = Teller(self.team, self.environment, self.hidden)
        self._pull_request = 0
        self._merged = 0.0

    def tell(self) -> str:
        self.set_up()
        with self.surrounded(), ExitStack() as self.running:
            self.running.callback(self.stop_serving)
            self.running.callback(self.stop_visitors)
            self._data()
            self._baseline()
            self._good()
            self._better()
            self._worse()
            with self.watching() as log:
                self._monitoring(log)
                self._looking_back()
            self._reproduced()
            self.health_returned()
        return self.teller.page()

    # -- scenes ------------------------------------------------------------------------------------

    def _data(self) -> None:
        t = self.teller
        t.scene("1. Data")
        t.say(
            """The posts lie in a package; the team cuts them up. Git does not hold the files but
            what DVC writes beside them: an MD5, by which the file is found in a storage (here a
            folder, elsewhere a bucket)."""
        )
        t.run(
            "python prepare.py held-out", "python prepare.py posts --first 2000",
            "dvc add --quiet data/held-out.csv data/posts.csv", "cat data/posts.csv.dvc",
            says=[r"2000 posts, 50% positive", r"md5: [0-9a-f]{32}"],
        )  # fmt: skip
        t.run(
            "git add . && git commit --quiet -m 'The first 2,000 posts'",
            "dvc push",
            "git push --quiet origin main",
        )

    def _baseline(self) -> None:
        t = self.teller
        t.scene("2. A baseline, and why it is not served")
        t.say(
            """train.py reads its settings from params.yaml, learns a WordPiece vocabulary, trains a
            small BERT on one processor, and logs in MLflow the settings, its accuracy on the
            held-out posts, the data it learnt from with DVC's MD5, and the commit. Then it
            registers a version. Nobody serves that yet: its stage is None."""
        )
        self._train(None, 1, below=0.7)
        t.say(
            """A stage is a line in the manifest. First the version is pinned: to its run, and to
            the data that git says this run had. Then it is proposed for Staging, on a branch; what
            the plan says is what a reviewer of the pull request reads."""
        )
        self._to_staging(1, "A first try")
        t.say(
            """Production asks for more than what a trainer says of its own model. `check` fetches
            the files and runs them, in a process without credentials: they load, answer the example
            as their signature says, and MLflow evaluates their answers to the held-out posts, which
            the policy names by SHA-256. What came of it is recorded in MLflow about the digest of
            these files."""
        )
        self._check(
            1, "local", expect=4, says=[r"sentiment-bert 1: failed", r"accuracy 0\.\d+ < 0\.7"]
        )
        t.say("So a pull request for Production is refused. It is closed.")
        self._propose(
            1, "Production", "Something is better than nothing", expect=4,
            says=["1 may not enter Production", r"✗ checked +accuracy 0\.\d+ < 0\.7"],
        )  # fmt: skip
        t.run("git switch --quiet main && git branch --quiet -D sentiment-bert-1-production")

    def _good(self) -> None:
        t = self.teller
        t.scene("3. A good one, and how it comes to be served")
        self._train("{name: good, epochs: 4, learning_rate: 0.001}", 2, above=0.75)
        self._to_staging(2, "Two layers, four rounds over the data")
        t.say("Nothing is promoted on the word of who trained it:")
        self._propose(
            2, "Production", "Twice as many layers", expect=4,
            says=["2 may not enter Production", "✗ checked +no check of the files of 2 is"],
        )  # fmt: skip
        t.say(
            """This one shall be served, so it is checked in an environment of its own. MLflow makes
            that with uv, from the version's requirements and nothing else (here out of a folder of
            wheels, since the story needs no network). Then the same pull request passes."""
        )
        self._check(
            2,
            "uv",
            says=["sentiment-bert 2: passed", "environment +uv Python", "✓ Production: accuracy"],
        )
        t.run(
            "mlflow-gitops plan --rev sentiment-bert-2-production --onto main",
            says=[
                "Production +— → 2",
                "✓ from +from Staging",
                "✓ checked +checked at .* by model-checker",
            ],
        )
        self._merge("sentiment-bert-2-production", "Promote sentiment-bert 2 to Production")
        t.say(
            """Reconcile says in JSON what it changed. deploy.py reads that, and restarts the
            service (serve.py, around MLflow's FastAPI server) if Production changed. It loads the
            model through mlflow_gitops.fetch: the service gets the files that git pins by their
            digest, or none. Each answer names the run that made the model, so deploy.py can check
            which version it is that answers."""
        )
        self.running.enter_context(self.scraped())
        self._deploy(2)
        t.run(self._question(), says=[r'"sentiment": "positive".*"sentiment": "negative"'])
        t.say("What the service counts is labelled with model and version, for Prometheus:")
        t.run(
            f"curl --silent http://127.0.0.1:{self.serving}/metrics | grep '^model_.*_total'",
            says=[
                r'model_requests_total\{model="sentiment-bert",version="2"\} [1-9]',
                r'model_request_errors_total\{model="sentiment-bert",version="2"\} 0\.0',
            ],
        )
        t.say("Visitors come, and judge the answers:")
        self.visitors_come("usual")
        self.visiting("usual")

    def _better(self) -> None:
        t = self.teller
        t.scene("4. New data, and a better one")
        t.say(
            "More posts have been collected. DVC stores the new file beside the old one; git holds"
            " another MD5."
        )
        t.run(
            "python prepare.py posts", "dvc add --quiet data/posts.csv",
            "git commit --quiet --all -m 'All posts so far' && git push --quiet origin main",
            "dvc push",
            "git diff HEAD~1 -- data/posts.csv.dvc", says=[r"-- md5", r"\+- md5"],
        )  # fmt: skip
        t.say(
            "The next version reads only the first 28 word pieces of a post, which is faster; posts"
            " are short."
        )
        old = self.md5("HEAD~1")
        self._train(
            "{name: better, epochs: 2, learning_rate: 0.001, max_length: 28, threads: false}",
            3,
            above=0.75,
        )
        t.say(
            """What if somebody pins it to the wrong data? The plan compares the pin with what the
            run logged, and refuses: nothing is promoted by its number alone."""
        )
        t.run("git switch --quiet -c wrong-data", "python pin_data.py 3")
        t.run(
            f"sed -i.bak '/^  3:/,$ s/md5: .*}}/md5: {old}}}/' registry/models/sentiment-bert.yaml"
            " && rm registry/models/*.bak",
            "mlflow-gitops promote sentiment-bert 3 Staging",
            "mlflow-gitops plan",
            expect=4,
            says=[
                rf"\[pin\] version 3 is pinned to data/posts.csv with md5 {old},"
                rf" its run logged (?!{old})"
            ],
        )
        t.run("git restore registry && git switch --quiet main && git branch --quiet -D wrong-data")
        self._to_staging(3, "Trained on all posts so far")
        self._check(3, "local", says=["sentiment-bert 3: passed"])
        self.told_of_the_first()
        self._propose(
            3,
            "Production",
            "Trained on all posts so far",
            says=["Production +2 → 3", "✓ no_worse_than +accuracy no worse than 2"],
        )
        self._merge("sentiment-bert-3-production", "Promote sentiment-bert 3 to Production")
        self._deploy(3)
        self._swapped()

    def _swapped(self) -> None:
        t = self.teller
        t.say(
            """What was approved are files, not only a number. Anybody with access to the experiment
            can overwrite them in MLflow, without any right on the registered model. MLflow's own
            address then gives the new files; what is loaded through git's digest does not, and the
            server that runs stays as it is."""
        )
        swapped = '{"changed": [{"model": "sentiment-bert", "stage": "Production", "version": 3}]}'
        t.run(
            "mkdir ../other && echo 'torch==0.0.1' > ../other/requirements.txt",
            "python overwrite.py ../other",
            "mv ../serving/sentiment-bert-3 ../approved  # as if this were another machine",
            f"echo '{swapped}' | python deploy.py",
            expect=1, says=["Not served", r"requirements\.txt differs", "nothing was kept"],
        )  # fmt: skip
        self.answers(3)
        t.run(
            "mlflow-gitops verify --artifacts", expect=4,
            says=["files 3", r"requirements\.txt differs"],
        )  # fmt: skip
        t.say("Put back, the approved files are served again.")
        t.run(
            "python overwrite.py ../approved",
            f"echo '{swapped}' | python deploy.py",
            says=["version 3 answers"],
        )

    def _worse(self) -> None:
        t = self.teller
        t.scene("5. A worse one, which is refused with the numbers")
        t.say(
            "Somebody saves on training. It is above the floor, so its check passes; it is worse"
            " than what is served."
        )
        self._train(
            "{name: hasty, epochs: 1, learning_rate: 0.00015, max_length: 28, threads: false}",
            4,
            above=0.7,
        )
        self._to_staging(4, "Half the time to train")
        self._check(4, "local", says=["sentiment-bert 4: passed"])
        self._propose(
            4, "Production", "Half the time to train", expect=4,
            says=["4 may not enter Production", r"accuracy 0\.\d+ is worse than 3's 0\.\d+"],
        )  # fmt: skip
        t.run("git switch --quiet main && git branch --quiet -D sentiment-bert-4-production")
        self.answers(3)

    def _monitoring(self, log: Path) -> None:
        t = self.teller
        t.scene("6. In the field: what people write changes, and the way back")
        t.say(
            """From here on the reconciler runs by itself, beside the team: it looks at the main
            branch every few seconds, applies what was merged, and deploy.py follows it."""
        )
        t.show(
            "$ mlflow-gitops reconcile --yes --watch --interval 3s --push-receipts --format"
            " json \\",
            f"    --listen 127.0.0.1:{self.metrics} | python deploy.py &",
        )
        t.run(
            f"curl --silent http://127.0.0.1:{self.metrics}/metrics | grep '^mlflow_gitops_models'",
            says=[r'sync="Synced"\} 1\.0'],
        )
        t.say(
            """People begin to write threads: a post that sets the scene, and the opinion only after
            it. Version 3 stops reading before the opinion comes."""
        )
        before = self.visitors_come("fresh")
        self.visiting("fresh")
        if PROMETHEUS is None:
            self.go_back_by_hand()
        else:
            self.show_drift()
            self.wait_for_health("unhealthy")
            self.propose_the_way_back()
        self.follow_the_merge(log)
        after = self.visitors_come("fresh")
        if not after > before + 0.1:
            raise Unexpected(f"The way back did not help: {before}, then {after}")
        t.say(
            "Version 2, which reads on, was right to go back to. The next version should learn from"
            " threads."
        )
        self.told_once()

    def _looking_back(self) -> None:
        t = self.teller
        t.scene("7. Looking back: who did what, and what is served made from")
        t.run(
            "git pull --quiet",
            "mlflow-gitops log sentiment-bert --stage Production",
            says=["— → 2", "2 → 3", "3 → 2", "applied", *UNHEALTHY],
        )
        t.say(
            """From which data, run and code came what is in Production? The pins tell it offline,
            MLflow adds the commit. Why the version before went, the receipt says. The report, a
            page for people without a terminal, has the same."""
        )
        shown = t.run(
            "mlflow-gitops show sentiment-bert --lineage",
            says=[
                r"Production 2 ",
                r"data/posts.csv \(md5 [0-9a-f]{32}\)",
                r"code commit [0-9a-f]{12}",
                *UNHEALTHY,
            ],
        )
        code = re.search(r"code commit ([0-9a-f]{12})", shown)
        assert code is not None
        md5 = self.md5(code[1])
        Teller.expect(shown, [md5])
        t.run(
            "mlflow-gitops report --out ../report", "mlflow-gitops verify", says=["all explained"]
        )
        page = (self.folder / "report/models/sentiment-bert.html").read_text(encoding="utf-8")
        Teller.expect(
            page, [f"data/posts.csv \\(md5 {md5}\\)", f"code commit {code[1]}", *UNHEALTHY]
        )

    def _reproduced(self) -> None:
        t = self.teller
        t.scene("8. Made again, from the record")
        t.say(
            """`reproduce` writes down how a version was made: the commit, DVC's data by MD5, exact
            requirements, the program, and what is missing. The script clones the commit, fetches
            the data, makes an environment of these requirements, and trains. Read it before you
            start it."""
        )
        t.run(
            "mlflow-gitops reproduce sentiment-bert Production --out ../again",
            says=[
                r"code +[0-9a-f]{40}",
                "command +python train.py",
                r"data +data/posts\.csv \(md5",
            ],
        )
        t.run("bash ../again/reproduce.sh > ../again/log 2>&1", "tail -n 1 ../again/log")
        t.say(
            """The new version is as good as the one that is served, though not to the last digit:
            of word pieces that are equally frequent, chance chooses."""
        )
        compared = t.run(
            "mlflow-gitops compare sentiment-bert Production 5 |"
            " grep -o 'accuracy *[0-9.]* *[0-9.]*'"
        )
        served, again = (float(value) for value in re.findall(r"0\.\d+", compared))
        if abs(served - again) > 0.05:
            raise Unexpected(f"What was made again should be as good:\n{compared}")

    # -- what several scenes do --------------------------------------------------------------------

    def _train(
        self, settings: str | None, version: int, *, above: float = 0.0, below: float = 1.0
    ) -> None:
        """Commit the settings and train by them; None for those that the project came with."""
        commit = "git commit --quiet --all -m 'Settings of the next version'"
        commands = (f"echo '{settings}' > params.yaml && {commit}",) if settings else ()
        printed = self.teller.run(
            *commands, "python train.py", says=[f"sentiment-bert version {version} "]
        )
        accuracy = float(re.findall(r"accuracy (\d\.\d+)", printed)[-1])
        if not above < accuracy < below:
            raise Unexpected(
                f"Version {version} has the accuracy {accuracy}, not between {above} and {below}."
            )

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
        self.teller.run(
            "mlflow-gitops reconcile --yes --push-receipts",
            says=["sentiment-bert .*applied|applied"],
        )
        stages = json.loads(self.quiet("mlflow-gitops status --format json"))["models"][0]["stages"]
        if stages.get("Staging") != [version]:
            raise Unexpected(f"MLflow should show {version} in Staging, and shows {stages}.")

    def _check(self, version: int, env_manager: str, *, says: list[str], expect: int = 0) -> None:
        """Check what Staging holds, and record it."""
        self.teller.run(
            f"mlflow-gitops check sentiment-bert Staging --env-manager {env_manager} --record --as"
            " model-checker",
            expect=expect, says=says,
        )  # fmt: skip
        tags = self.quiet(
            "python -c 'import mlflow; print(mlflow.MlflowClient().get_model_version("
            f'"sentiment-bert", "{version}").tags)\''
        )
        Teller.expect(tags, ["gitops.check.run"])

    def _propose(
        self, version: int, stage: str, why: str, *, says: list[str], expect: int = 0
    ) -> None:
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
            f"git switch --quiet main && git merge --quiet --no-ff -m '{subject}"
            f" (#{self._pull_request})' {branch}",
            "git push --quiet origin main",
        )
        self._merged = time.monotonic()

    def _deploy(self, version: int) -> None:
        self.teller.run(
            "mlflow-gitops reconcile --yes --push-receipts --format json | tee ../reconciled.json |"
            " python deploy.py",
            says=[f"version {version} answers"],
        )
        changed = json.loads((self.folder / "reconciled.json").read_text())["changed"]
        if changed != [{"model": "sentiment-bert", "stage": "Production", "version": version}]:
            raise Unexpected(
                f"reconcile should have changed Production to {version}, and says {changed}."
            )
        self.answers(version)

    def _question(self) -> str:
        posts = (
            '[["What a great flight, thank you so much!"], ["Worst service ever, lost my bag'
            ' again."]]'
        )
        body = f'{{"dataframe_split": {{"columns": ["text"], "data": {posts}}}}}'
        address = f"http://127.0.0.1:{self.serving}/invocations"
        return f"curl --silent -H 'Content-Type: application/json' -d '{body}' {address}"


def _accuracy(said: str) -> float:
    return float(re.findall(r'"accuracy": ([\d.]+)', said)[0])
