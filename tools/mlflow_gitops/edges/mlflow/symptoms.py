"""What an exception of MLflow's client shows: classes, texts, HTTP status, error code."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATUS = re.compile(
    r"failed with error code (\d{3})|too many (\d{3}) error responses", re.IGNORECASE
)


_INNERMOST_REASON = re.compile(r"(?:\[[^\[\]]*\] |: )([A-Za-z][^:()'\"\[\]<>]{8,120})")


_MAX_REASON = 160


_MAX_TEXT = 400
_MAX_READ = 64 << 10  # characters of what a server may answer


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What can be known of an exception. `classes` are the class names along the chain of causes,
    `status` the HTTP status, `error_code` MLflow's own code, `missing_package` what could not be
    imported here."""

    address: str
    call: str
    text: str
    classes: tuple[str, ...]
    status: int | None
    error_code: str
    missing_package: str | None = None

    @classmethod
    def from_error(cls, error: BaseException, address: str, call: str) -> Symptoms:
        text = str(getattr(error, "message", None) or error)[:_MAX_READ]
        return cls(
            address,
            call,
            text,
            tuple(type(cause).__name__ for cause in _causes(error)),
            _status(error, text),
            str(getattr(error, "error_code", "")),
            _missing_package(error),
        )

    def has_text(self, *phrases: str) -> bool:
        return any(phrase in self.text for phrase in phrases)

    def has_class(self, *names: str) -> bool:
        return any(name in self.classes for name in names)

    def has_class_like(self, part: str) -> bool:
        return any(part in name for name in self.classes)

    @property
    def reason(self) -> str:
        """The innermost explanation in the nested messages of `requests`."""
        reasons = _INNERMOST_REASON.findall(self.text)
        return (reasons[-1] if reasons else self.text)[:_MAX_REASON].rstrip(". ")

    @property
    def first_line(self) -> str:
        lines = (line.strip() for line in self.text.splitlines())
        first = next((line for line in lines if line), self.classes[0])
        first = first.partition("[SQL:")[0].strip()
        return first if len(first) <= _MAX_TEXT else first[: _MAX_TEXT - 3] + "..."


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _missing_package(error: BaseException) -> str | None:
    names = (
        cause.name.partition(".")[0]
        for cause in _causes(error)
        if isinstance(cause, ModuleNotFoundError) and cause.name
    )
    return next(names, None)


def _status(error: BaseException, text: str) -> int | None:
    """The HTTP status behind an exception. None for a success and for an error about the request's
    content, which MLflow's message explains better than the number."""
    reported = _STATUS.search(text)
    if reported:
        return int(reported.group(1) or reported.group(2))

    read_status = getattr(error, "get_http_status_code", None)
    if read_status is None or type(error).__name__ != "RestException":
        return None

    # MLflow sends INTERNAL_ERROR (500) for everything it cannot classify: only its text is useful.
    status = int(read_status())
    unavailable = status >= 500 and getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE"
    return status if status in (401, 403, 429) or unavailable else None
