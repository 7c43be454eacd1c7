"""The forms of GitHub's answers, REST API version 2022-11-28, with all fields that GitHub's own
description requires."""

from tests.support.github.forms.accounts import app_form, public_user_form, user_form
from tests.support.github.forms.commits import (
    combined_status_form,
    commit_form,
    status_form,
    written_commit_form,
)
from tests.support.github.forms.conversations import (
    comment_form,
    issue_form,
    pull_form,
    review_form,
)
from tests.support.github.forms.repositories import (
    blob_form,
    file_form,
    full_repository_form,
    html,
    ref_form,
    url,
)
from tests.support.github.forms.runs import activity_form, run_form
from tests.support.github.forms.settings import protection_of, setting_form

__all__ = [
    "activity_form",
    "app_form",
    "blob_form",
    "combined_status_form",
    "comment_form",
    "commit_form",
    "file_form",
    "full_repository_form",
    "html",
    "issue_form",
    "protection_of",
    "public_user_form",
    "pull_form",
    "ref_form",
    "review_form",
    "run_form",
    "setting_form",
    "status_form",
    "url",
    "user_form",
    "written_commit_form",
]
