"""The workflows that a throw-away repository runs to show how GitHub treats what its own token
starts. They use no action of anybody."""

from __future__ import annotations

BRANCH = "probe"
CHECK = "dispatched-check"
STATUS = "probe/status"

CHECKED = f"""\
name: checked
on:
  pull_request:
  workflow_dispatch:
permissions: {{}}
jobs:
  check: {{name: {CHECK}, runs-on: ubuntu-latest, steps: [{{run: "true"}}]}}
"""
AFTER = """\
name: after
run-name: after ${{ github.event.workflow_run.event }} ${{ github.event.workflow_run.conclusion }}
on: {workflow_run: {workflows: [checked], types: [completed]}}
permissions: {}
jobs:
  after: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""
PROBE = """\
name: probe
on:
  workflow_dispatch:
permissions: {contents: write, pull-requests: write, actions: write, statuses: write}
jobs:
  probe:
    runs-on: ubuntu-latest
    env: {GITHUB_TOKEN: "${{ github.token }}", MAIN: "${{ github.ref_name }}"}
    steps:
      - shell: bash
        run: |
          api() {
            curl --silent --show-error --fail-with-body --request "$1" --data @- \\
              --header "Authorization: Bearer $GITHUB_TOKEN" \\
              "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/$2"
          }
          text=$(date | base64)
          api POST git/refs <<<"{\\"ref\\": \\"refs/heads/BRANCH\\", \\"sha\\": \\"$GITHUB_SHA\\"}"
          change="{\\"message\\": \\"x\\", \\"content\\": \\"$text\\", \\"branch\\": \\"BRANCH\\"}"
          head=$(api PUT contents/probe.txt <<<"$change" | jq --raw-output .commit.sha)
          pull="{\\"title\\": \\"x\\", \\"head\\": \\"BRANCH\\", \\"base\\": \\"$MAIN\\"}"
          api POST pulls <<<"$pull"
          api POST actions/workflows/checked.yml/dispatches <<<'{"ref": "BRANCH"}'
          api POST "statuses/$head" <<<'{"state": "success", "context": "STATUS"}'
""".replace("BRANCH", BRANCH).replace("STATUS", STATUS)
WORKFLOWS = {"checked.yml": CHECKED, "after.yml": AFTER, "probe.yml": PROBE}
