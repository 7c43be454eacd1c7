"""How many requests a plan and a reconcile make (RULES R9)."""

from __future__ import annotations

from tests.support.github.hub import STAGES, Hub


def test_a_plan_and_a_reconcile_ask_for_nothing_twice(hub: Hub) -> None:
    """The requests for one approved pull request; GitHub allows a job's token 1,000 an hour."""
    hub.repo.user("ada", "write", mails=("a@example.org",))
    number, head = hub.propose("promote", STAGES.format(2))
    hub.repo.review(number, "bob")
    hub.main()
    hub.api.requests.clear()
    assert hub.plan(head).code == 0
    planned = list(hub.api.requests)
    assert len(planned) <= 6, planned
    reads = [request for request in planned if request[0] == "GET"]
    assert len(reads) == len(set(reads)), reads
    hub.repo.merge(number, "squash", by="carol")
    hub.main()
    hub.api.requests.clear()
    assert hub.reconcile().code == 0
    assert len(hub.api.requests) <= 6, hub.api.requests
    assert len(hub.api.requests) == len(set(hub.api.requests)), hub.api.requests
