"""A scene behind a server: its models are put into the server's database, its runs go through a
proxy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.faults.forks import Ended, Forks, Job
from tests.faults.scenes import Stage, plant
from tests.faults.state import State, state, told
from tests.support.proxy import Fault, Proxy
from tests.support.receipts import receipts_in

PATIENCE = 1.0
"""Seconds until a request without an answer is given up, where one is to be: MLflow's client counts
in whole seconds."""

LONG = 20.0
"""The same for everything else: a busy machine is no fault."""


@dataclass
class Behind:
    """One copy of a scene, and the server that holds its models."""

    stage: Stage
    database: Path
    between: Proxy
    forks: Forks

    def __post_init__(self) -> None:
        self.between.reset()
        plant(self.stage, self.database)

    def job(self, log: str = "run", patience: float = LONG) -> Job:
        return self.stage.job(uri=self.between.address, log=log, patience=patience)

    def run(self, log: str = "run", patience: float = LONG) -> Ended:
        return self.forks.run(self.job(log, patience))

    def killed_at(self, number: int, side: str) -> Ended:
        """Kill the run when its request of this number comes in, or when the server has done it and
        nobody knows."""
        running = self.forks.start(self.job())

        def before(at: int, method: str, path: str) -> Fault:
            if at == number and side == "before":
                running.kill()
                return "reset"
            return None

        def after(at: int, method: str, path: str, status: int) -> None:
            if at == number and side == "after":
                running.kill()

        self.between.fault, self.between.passed = before, after
        ended = running.wait()
        self.between.reset()
        return ended

    def settled(self) -> tuple[State, dict[str, set[str]]]:
        known = receipts_in(self.stage.repo)
        return state(self.database, self.stage.scene.models, known), told(known)
