"""What the people of a company do, honestly or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.github_api import GitHubAPI
from tests.support.github_state import Method
from tests.support.receipts import RECEIPTS_REF
from tests.support.team import Ran, Team

MODEL = "churn"
POLICY = """\
owners: ["@acme/ml-platform"]
stages:
  Staging: {alias: staging}
  Production: {alias: production, approvals: 1, require: {tags: {validation: passed}}}
overrides: [tags]
"""

PEOPLE = ("alice", "bob", "carol")
"""They may write to the repository."""


class Company:
    """What people, honest or not, do in it."""

    def __init__(self, folder: Path, api: GitHubAPI) -> None:
        from mlflow import MlflowClient

        self.folder, self.api, self.github = folder, api, api.repository
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = MlflowClient(self.uri)
        self.team = Team(folder / "clone", self.uri)
        for login in PEOPLE:
            self.github.user(login, "write", mails=(f"{login}@example.org",))

    def write(self, production: int, more: str = "") -> None:
        self.team.write(
            f"models/{MODEL}.yaml", f"name: {MODEL}\nstages: {{Production: {production}}}\n{more}"
        )

    def commit(self, message: str, author: str = "alice") -> str:
        self.team.git("add", "-A")
        self.team.git(
            "commit",
            "-q",
            "--allow-empty",
            "--author",
            f"{author} <{author}@example.org>",
            "-m",
            message,
        )
        return self.team.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        self.team.git("fetch", "-q", "origin")
        self.team.git("checkout", "-q", "-B", name, "origin/main")

    def push(self, branch: str) -> None:
        self.team.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        self.team.git("fetch", "-q", "origin")

    def propose(
        self,
        production: int = 2,
        *,
        by: str = "alice",
        author: str = "alice",
        message: str = "Promote",
        more: str = "",
    ) -> int:
        """Push a branch with this version in Production and open a pull request of it; its number.
        What lies about in the working tree is part of it."""
        self.write(production, more)
        self.commit(message, author)
        self.push("promote")
        return self.github.open_pull("promote", message, user=by).number

    def propose_policy(self, policy: str, by: str = "alice") -> int:
        """Open a pull request that changes the policy alone; its number."""
        self.branch("rules")
        self.team.write("policy.yaml", policy)
        self.commit("Rules", by)
        self.push("rules")
        return self.github.open_pull("rules", user=by).number

    def approve_policy(self, policy: str, *args: str) -> None:
        """Change the policy with an approval, and bring it into force."""
        number = self.propose_policy(policy)
        self.github.review(number, "bob")
        self.merge(number)
        assert self.reconcile(*args).code == 0

    def push_policy(self, policy: str) -> None:
        """Change the policy without a pull request."""
        self.team.write("policy.yaml", policy)
        self.commit("Rules")
        self.push("main")
        self.main()

    def promote(self, version: int = 3) -> None:
        """Promote a version with an approval, in a change of its own."""
        self.branch("promote")
        number = self.propose(version)
        self.github.review(number, "bob")
        self.merge(number)

    def notices(self) -> str:
        """What a plan says about the clone and the policy as a whole."""
        return " ".join(self.team.run("plan", "--format", "json").json["notices"])

    def merge(
        self, number: int, method: Method = "squash", by: str = "carol", typed: str = ""
    ) -> str:
        self.github.merge(number, method, by=by, typed=typed)
        return self.main()

    def main(self) -> str:
        """Go to the tip of main."""
        self.branch("main")
        return self.team.git("rev-parse", "HEAD")

    def reconcile(self, *args: str) -> Ran:
        """Reconcile without exchanging receipts, unless `args` asks for it."""
        push = () if "--push-receipts" in args else ("--no-push-receipts",)
        return self.team.run("reconcile", "--yes", "--format", "json", *push, *args)

    def reasons(self, *args: str) -> str:
        """Reconcile, expect that something of the model is refused, and return why."""
        ran = self.reconcile(*args)
        assert ran.code == 4, ran.out + ran.err
        [model] = ran.json["models"]
        return "; ".join(f"{refusal['code']}: {refusal['detail']}" for refusal in model["refusals"])

    def refused(self, *args: str) -> str:
        """The reasons for which the model is refused; Production stays."""
        why = self.reasons(*args)
        assert self.production() == {1}
        return why

    def production(self) -> set[int]:
        """The versions that anything which loads the model for production would get, by stage or by
        alias."""
        found = self.client.search_model_versions(f"name = '{MODEL}'")
        served = {int(one.version) for one in found if one.current_stage == "Production"}
        aliases = self.client.get_registered_model(MODEL).aliases
        return served | ({int(aliases["production"])} if "production" in aliases else set())

    def found_by_verify(self) -> set[str]:
        """The fields that `verify` calls unexplained."""
        ran = self.team.run("verify", "--format", "json")
        assert ran.code in (0, 4), ran.err
        return {one["field"] for one in ran.json["unexplained"]}

    def acknowledge(self, reason: str = "looked at, INC-7") -> None:
        """Write into main what `verify` names, with a reason, and with Bob's approval."""
        number = self.propose_acknowledgement(reason)
        self.github.review(number, "bob")
        self.merge(number, "merge")

    def propose_acknowledgement(self, reason: str, by: str = "carol") -> int:
        """Open a pull request with Carol's commit that has the lines which `verify` names."""
        self.branch("look")
        self.commit(f"Look at the record\n\n{self.lines_to_acknowledge(reason)}", "carol")
        self.push("look")
        return self.github.open_pull("look", user=by).number

    def lines_to_acknowledge(self, reason: str) -> str:
        """The lines that `verify` prints, with a reason."""
        ran = self.team.run("verify")
        lines = [line.strip() for line in ran.out.splitlines() if "Audit-Ack:" in line]
        assert lines, ran.out
        return "\n".join(line.replace("REASON", reason) for line in lines)

    def set_receipts(self, revision: str | None) -> None:
        """Put the receipts, here and on the remote, to another state; None deletes them."""
        ref = RECEIPTS_REF
        if revision is None:
            self.team.git("update-ref", "-d", ref)
            self.team.git("push", "-q", "origin", f":{ref}")
        else:
            self.team.git("update-ref", ref, revision)
            self.team.git("push", "-q", "-f", "origin", f"{ref}:{ref}")

    def receipts_state(self) -> str:
        """The state of the receipts, for `set_receipts`."""
        return self.team.git("rev-parse", RECEIPTS_REF)

    def sync(self) -> str:
        [model] = self.team.run("status", "--format", "json").json["models"]
        return str(model["sync"])


def settings(**branches: Any) -> dict[str, Any]:
    """GitHub's settings pages of environments: each with the branches that it accepts, None for
    any."""
    pages: dict[str, Any] = {"rules/branches/main": []}
    for name, accepted in branches.items():
        page = f"environments/{name.replace('_', '-')}"
        policy = (
            None
            if accepted is None
            else {"protected_branches": False, "custom_branch_policies": True}
        )
        pages[page] = {"deployment_branch_policy": policy}
        pages[f"{page}/deployment-branch-policies"] = {
            "branch_policies": [{"name": one} for one in accepted or ()]
        }
    return pages
