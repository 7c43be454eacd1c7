"""The endpoints of the GitHub of the tests: those that this project and its workflows use, and no
others. Each module puts its own into ROUTES; `settings` answers what no other does."""

from tests.support.github.rest import (  # noqa: F401
    actions,
    administration,
    commits,
    contents,
    issues,
    people,
    pulls,
    settings,
)
