"""Every deliberate error of the workbench. Each says what was wrong, what was found and what to do."""

from __future__ import annotations


class CapeError(Exception):
    """Base of the errors that a screen or the command line may show to a user as they are."""


class LakeNotBuiltError(CapeError):
    """The lake has not been built, or its file has gone."""


class LakeBuildError(CapeError):
    """A build stopped before publishing; the lake that was serving still serves.

    offenders : rows a check returned, as (check, description) pairs; empty for other failures.
    """

    def __init__(self, message: str, *, offenders: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.offenders = offenders


class IngestError(CapeError):
    """An input file cannot be accepted as it stands.

    file, row and column locate the fault; row counts lines as an editor does (the header is line 1)
    and is None when the fault concerns the whole file, as column is None when it concerns a whole row.
    """

    def __init__(
        self, *, file: str, found: str, action: str, row: int | None = None, column: str | None = None
    ) -> None:
        self.file, self.row, self.column, self.found, self.action = file, row, column, found, action
        place = file
        if row is not None:
            place += f", row {row}"
        if column is not None:
            place += f", column {column!r}"
        super().__init__(f"{place}: {found} {action}")


class UnknownNameError(CapeError):
    """A name given by the user (diagnostic, panel, family, benchmark, view) is not one of the known ones."""


class BadParameterError(CapeError):
    """A parameter has a value that its diagnostic does not accept."""


class NotEnoughDataError(CapeError):
    """A statistic was asked of fewer observations than it is defined for."""


class QueryRefusedError(CapeError):
    """An ad-hoc query was refused, failed, ran too long or returned too much."""


class SweepError(CapeError):
    """A sweep, one of its jobs or the queue it runs in cannot do what was asked."""


class SweepFileError(SweepError):
    """The file of a sweep is not acceptable; the message names the file, the key, what was found and what to do."""


class SweepPlanError(SweepError):
    """A job of a sweep cannot fit in its limits; the message holds the numbers of every such job."""


class MissingDependencyError(CapeError):
    """An optional package is needed and not installed; the message holds the install line."""


class ClaimError(CapeError):
    """A row of the ledger is malformed, or a claim is wired to an estimate that does not exist."""


class ModelLoadError(CapeError):
    """A language model cannot be loaded: no such model, not a causal one, refused format or unknown architecture."""


class ModelTooLargeError(ModelLoadError):
    """The weights of a model need more memory than the device has; need_bytes and have_bytes say how much."""

    def __init__(self, message: str, *, need_bytes: int, have_bytes: int) -> None:
        super().__init__(message)
        self.need_bytes, self.have_bytes = need_bytes, have_bytes


class TokenizerError(CapeError):
    """A tokenizer cannot be loaded, cannot pad, or makes nothing of a text."""


class NonFiniteActivationError(CapeError):
    """A model computed NaN or infinity; layer (None: not tied to one) and prompt say where."""

    def __init__(self, message: str, *, layer: int | None, prompt: str) -> None:
        super().__init__(message)
        self.layer, self.prompt = layer, prompt


class SteeringVectorError(CapeError):
    """A steering vector cannot be trained, combined, written or read, or does not fit the model."""


class EndpointError(CapeError):
    """A user-supplied endpoint is refused, does not answer, or answers with something that cannot be used."""


class StoppedError(CapeError):
    """A computation was stopped by the caller; what it had finished is kept."""
