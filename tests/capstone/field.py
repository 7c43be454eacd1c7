"""The chapters about the service in use: Prometheus, what is unhealthy, the way back, and who is
notified."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.capstone.surroundings import PROMETHEUS, prometheus
from tests.capstone.teller import Teller, Unexpected
from tests.capstone.workshop import LEAD, Workshop

BRANCH = "mlflow-gitops/health/sentiment-bert/Production"


class Field(Workshop):
    """Tells what happens after a version was promoted."""

    teller: Teller

    @contextmanager
    def scraped(self) -> Iterator[None]:
        """Let Prometheus scrape the service, if it is installed."""
        if PROMETHEUS is None:
            yield
            return
        log = self.folder / "prometheus.log"
        with prometheus(self.team, self.prometheus, self.environment, log) as command:
            self.teller.say(
                """Prometheus shall know how each version does, from its first moment on. It asks
                the service (serve.py) every second:"""
            )
            self.teller.run("cat prometheus.yml")
            self.teller.show(f"$ {command} &")
            yield

    def visitors_come(self, posts: str) -> float:
        """Send posts to the service; the share of right answers."""
        printed = self.teller.run(
            f"python prepare.py {posts}", f"python visitors.py data/{posts}.csv", says=['"right"']
        )
        return float(re.findall(r'"right": ([\d.]+)', printed)[0])

    def wait_for_health(self, state: str) -> None:
        """Wait until Production's version is in a state, and show it."""
        if PROMETHEUS is None:
            return
        end = time.monotonic() + 240
        while (verdict := self._verdict())["state"] != state:
            if time.monotonic() > end:
                raise Unexpected(f"Production should be {state}: {verdict}")
            time.sleep(1)
        self.teller.run("mlflow-gitops health", says=[f"in Production: {state}"])

    def _verdict(self) -> dict[str, Any]:
        said = json.loads(self.quiet("mlflow-gitops health --stage Production --format json"))
        [verdict] = said["verdicts"]
        return dict(verdict)

    def told_of_the_first(self) -> None:
        """Version 2 has done well while its window lasted."""
        if PROMETHEUS is None:
            return
        self.teller.say(
            """How is version 2 meanwhile? The policy watches what holds Production, for a window
            after it entered: requests that failed, and answers that visitors judged wrong. Drift is
            not among that: it says that posts are others, not that answers are wrong."""
        )
        self.teller.run("sed -n '/ health:/,/ require:/p' registry/policy.yaml")
        self.wait_for_health("healthy")

    def show_drift(self) -> None:
        """Drift warns at once, before anybody judged an answer."""
        self.teller.say("The posts are not like those that it learnt from, which needs no label:")
        query = 'model_drift{of="inputs"}'
        self.teller.run(
            f"curl --silent --get --data-urlencode 'query={query}'"
            f" http://127.0.0.1:{self.prometheus}/api/v1/query",
            says=['"version":"3"'],
        )
        self.teller.say("And visitors say that answers are wrong:")

    def go_back_by_hand(self) -> None:
        """Without Prometheus, a person proposes it."""
        t = self.teller
        t.say("Prometheus is not installed here, so a person finds out, and goes back:")
        t.run(
            "git pull --quiet && mlflow-gitops rollback sentiment-bert Production --branch"
            " too-many-wrong --message 'Too many answers are wrong'",
            "git push --quiet origin too-many-wrong",
            "mlflow-gitops plan --rev too-many-wrong --onto main",
            says=["Production +3 → 2", "rollback: 2 held Production before"],
        )
        pull = self.forge.open_pull("too-many-wrong", "Roll Production back to 2", user=LEAD)
        self.forge.merge(pull.number, by=LEAD)
        t.run("git switch --quiet main")

    def propose_the_way_back(self) -> None:
        """One pull request, however often somebody looks."""
        t = self.teller
        t.say(
            """The workflow health.yml looks each hour. It proposes to go back to the last version
            whose window ended well, in one pull request: looking again opens no second one."""
        )
        t.environment.update(self.api.environment())
        t.run(
            "mlflow-gitops github health",
            "mlflow-gitops github health",
            says=["opened: .*wrong", "unchanged: .*wrong"],
        )
        for name in self.api.environment():
            del t.environment[name]
        [pull] = [pull for pull in self.forge.pulls() if pull.state == "open"]
        if pull.head_ref != BRANCH:
            raise Unexpected(f"The pull request should be of {BRANCH}, and is of {pull.head_ref}.")
        Teller.expect(pull.body, ["model_feedback_total", "samples", r"0\.[0-9]+"])
        t.say(
            f"Pull request #{pull.number} holds the queries and the numbers. What it changes is"
            " planned like anything else:"
        )
        t.run(
            "git fetch --quiet",
            f"mlflow-gitops plan --rev origin/{BRANCH} --onto main",
            says=["Production +3 → 2", "rollback: 2 held Production before"],
        )
        self.forge.merge(pull.number, by=LEAD)

    def follow_the_merge(self, log: Path) -> None:
        """Wait until the reconciler and deploy.py have done what was merged."""
        self.wait(log, "version 2 answers")
        self.answers(2)
        self.teller.say(
            "Somebody merges it. Nobody has to do anything else: seconds later the reconciler has"
            " applied it, and deploy.py says:"
        )
        self.teller.show(log.read_text().splitlines()[-1])

    def health_returned(self) -> None:
        """What is served is healthy once its window is over."""
        if PROMETHEUS is None:
            return
        self.teller.say("Meanwhile the window of the version that is served is over:")
        self.wait_for_health("healthy")

    def told_once(self) -> None:
        """Everybody was notified of each event, and once."""
        team, users = self.mailbox.letters("/language"), self.mailbox.letters("/users")
        self.teller.say(
            """Who is notified is in registry/notify.yaml. The team got one message of each by its
            webhook, however often somebody looked; those who use the model got one for each version
            that came to a stage before, too."""
        )
        self.teller.run("cat registry/notify.yaml")
        self.teller.show(*"\n".join(team).splitlines())
        events = ["unhealthy", "rolled back"] if PROMETHEUS is not None else ["rolled back"]
        if len(team) != len(events) or len(set(users)) != len(users):
            raise Unexpected(f"Everybody should be notified once: {team}, {users}")
        for message, event in zip(team, events, strict=True):
            Teller.expect(message, [event])
        Teller.expect(team[-1], ["Production 3 → 2"])
        Teller.expect("\n".join(users), ["applied", "Production — → 2", "Production 2 → 3"])
        Teller.expect(users[-1], ["rolled back"])
