"""GitHub's refusals, as sentences that name the next step."""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz
from time import time
from typing import Any

from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.errors import ForgeFailure

NEEDS_PLAN = "plan"
"""The code of a failure that another plan of GitHub would not have."""
_UPGRADE = "upgrade to github"
"""How GitHub begins the message of such a refusal, in lower case. Its status is also that of a
missing permission."""
_MAX_DIGITS = 9
"""Of a number of seconds."""


def no_answer(error: Exception, purpose: str, api_url: str) -> ForgeFailure:
    """GitHub could not be reached."""
    return ForgeFailure(
        f"GitHub at {api_url} could not be reached to {purpose} ({type(error).__name__}).",
        fix="Try again later.",
        is_lasting=True,
    )


def other_host(api_url: str) -> ForgeFailure:
    """GitHub's answers lead elsewhere, where the token is not sent."""
    return ForgeFailure(
        f"GitHub at {api_url} refers to addresses on another host.",
        fix="Set GITHUB_API_URL to that host's API address, with https:// if it uses that.",
        is_lasting=True,
    )


def unusable(description: str, purpose: str, api_url: str) -> ForgeFailure:
    """Something answered, but not as GitHub's API does. `description` is what came back."""
    return ForgeFailure(
        f"{api_url} did not answer as GitHub does when asked to {purpose}: {description}.",
        fix="Check GITHUB_API_URL and any proxy before it, then try again.",
    )


def refusal(error: Any, purpose: str, repository: str, token: str) -> ForgeFailure:
    """What a PyGithub exception means. The token never appears in the message."""
    from github import RateLimitExceededException

    status = int(error.status)
    data = error.data if isinstance(error.data, dict) else {}
    reason = _without_secrets(str(data.get("message") or ""), token).strip().rstrip(".")

    if isinstance(error, RateLimitExceededException) or _is_rate_limit(error, data):
        message = f"GitHub's rate limit is used up{_until(error)}; nothing was done to {purpose}."
        return ForgeFailure(message, status, is_lasting=True)
    if status == 401:
        return ForgeFailure(
            "GitHub does not accept the token (401).",
            status,
            fix="Set GITHUB_TOKEN to a valid one.",
            is_lasting=True,
        )
    if status == 403 and reason.lower().startswith(_UPGRADE):
        return ForgeFailure(
            f"GitHub's plan of {repository} does not allow to {purpose} (403: {reason}).",
            status,
            fix="Make the repository public, or use GitHub Pro, Team or Enterprise.",
            code=NEEDS_PLAN,
        )
    if status == 403:
        return ForgeFailure(
            f"The token may not {purpose} in {repository} (403: {reason}).",
            status,
            fix="Give the job the permission, or use a token that has it.",
        )
    if status == 404:
        message = (
            f"GitHub has nothing to {purpose} in {repository} (404): it does not exist, or the"
            " token may not see it."
        )
        return ForgeFailure(message, status)

    if status == 410:
        return ForgeFailure(
            f"{repository} does not have this on GitHub any more, to {purpose} (410: {reason}).",
            status,
            fix="If issues are disabled, turn them on: Settings → General → Features → Issues.",
        )

    details = "; ".join(_detail(entry) for entry in data.get("errors") or ())
    details = _without_secrets(details, token)
    described = ": ".join(part for part in (str(status), reason, details) if part)
    return ForgeFailure(f"GitHub refused to {purpose} ({described}).", status)


def _is_rate_limit(error: Any, data: dict[str, Any]) -> bool:
    """Whether a refusal is a rate limit, though PyGithub does not know it as one: by its status, by
    the time that a secondary limit sends, or as GraphQL reports it."""
    types = {entry.get("type") for entry in data.get("errors") or () if isinstance(entry, dict)}
    has_time = error.status == 403 and "retry-after" in (error.headers or {})
    return error.status == 429 or has_time or "RATE_LIMITED" in types


def _without_secrets(text: str, token: str) -> str:
    return redact(text.replace(token, "***") if token else text)


def _detail(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    codes = (str(entry.get(key, "")) for key in ("resource", "field", "code"))
    return str(entry.get("message") or " ".join(codes).strip())


def _until(error: Any) -> str:
    """When to try again, in the order of GitHub's documentation: the answer's own time, else when
    the hourly limit is renewed if that one is used up."""
    headers = error.headers or {}
    retry_after = str(headers.get("retry-after", "")).strip()
    if retry_after.isdigit():
        return f" until {format_time(int(time()) + int(retry_after[:_MAX_DIGITS]))}"
    if retry_after and (moment := parsedate_tz(retry_after)):
        return f" until {format_time(mktime_tz(moment))}"
    reset = str(headers.get("x-ratelimit-reset", ""))
    is_used_up = str(headers.get("x-ratelimit-remaining", "0")) == "0"
    if not reset.isdigit() or not is_used_up:
        return " for a minute or longer"
    return f" until {format_time(int(reset))}"
