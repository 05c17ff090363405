"""One tree of errors; each knows the code that CloudStack's API gives it.

    VrelocateError                530  something failed inside; the text says what to do
    ├── NotAuthenticated          401  who are you? (key, signature, expiry)
    ├── MalformedRequest          430  the request cannot be read
    ├── InvalidParameter          431  a value is missing, unknown or impossible
    │   ├── NameTaken             431  a name that something else has
    │   └── NotFound              431  an id that nothing here has
    ├── TooManyCalls              429  the key calls too often
    ├── UnsupportedCommand        432  no such command
    ├── PermissionDenied          531  the key may not do that
    ├── CapacityExceeded          533  not enough space, or no slot where one was asked for
    ├── ResourceUnavailable       534  a part that is needed does not answer (a vCenter)
    │   └── DatabaseUnavailable   503  nothing can be read or written down now
    │       └── CommitUnknown     503  the connection was lost in the commit: it may be written down, or not
    ├── ResourceInUse             536  the thing has a live job, or is busy otherwise
    │   └── LiveJobExists         536  says which job
    ├── CheckFailed               431  one or more pre-flight checks refuse the migration
    ├── ConfigurationError        530  a setting is wrong or missing; raised at start-up
    └── LostLease                 530  another worker holds the job now: stop, write nothing

The codes are those of `ApiErrorCode` and `ServerApiException` in Apache CloudStack.
"""

from __future__ import annotations


class VrelocateError(Exception):
    """Base of every error that vrelocate raises on purpose; `str(error)` is fit for an operator's eyes."""

    code = 530


class NotAuthenticated(VrelocateError):
    """The caller's key, signature or expiry was refused."""

    code = 401


class MalformedRequest(VrelocateError):
    """The request cannot be read as a CloudStack call."""

    code = 430


class InvalidParameter(VrelocateError):
    """A parameter is missing, of the wrong form, or names something impossible."""

    code = 431


class NameTaken(InvalidParameter):
    """Another thing of that kind has the name already."""


class NotFound(InvalidParameter):
    """No live entity has that id."""


class TooManyCalls(VrelocateError):
    """A key has made more calls than it may in this time."""

    code = 429

    def __init__(self, retry_after_seconds: int) -> None:
        """Say when there will be another one, in CloudStack's words (`ApiRateLimitServiceImpl`)."""
        super().__init__(
            f"The given user has reached his/her account api limit, please retry after {retry_after_seconds * 1000} ms."
        )
        self.retry_after_seconds = retry_after_seconds


class UnsupportedCommand(VrelocateError):
    """The command is none that this endpoint serves."""

    code = 432


class PermissionDenied(VrelocateError):
    """The caller's role does not allow this."""

    code = 531


class CapacityExceeded(VrelocateError):
    """There is not enough space."""

    code = 533


class ResourceUnavailable(VrelocateError):
    """Something that is needed does not answer: the database, the broker, a vCenter."""

    code = 534


class DatabaseUnavailable(ResourceUnavailable):
    """PostgreSQL does not answer, is too busy, or cannot write."""

    # Not one of CloudStack's codes, but HTTP's own for this: what stands between us and the client knows it too.
    code = 503
    retry_after_seconds = 5


class CommitUnknown(DatabaseUnavailable):
    """The connection to the database was lost while a commit was on its way; only looking tells."""

    def __init__(self) -> None:
        """Say what to do: every call can be made again."""
        super().__init__(
            "the database was lost while this was being written down, so nobody knows whether it was: make the same "
            "call again when PostgreSQL is back; with a customjobid it stays one job, and without one it is refused, "
            "naming the job, if there is one already"
        )


class ResourceInUse(VrelocateError):
    """The entity is busy."""

    code = 536


class LiveJobExists(ResourceInUse):
    """A live job works on the same entity already; `job_id` names it."""

    def __init__(self, job_id: str) -> None:
        """Say which job holds the entity."""
        super().__init__(f"job {job_id} already works on it: wait for that job, or query it with queryAsyncJobResult")
        self.job_id = job_id


class CheckFailed(VrelocateError):
    """Pre-flight checks refused the migration; `reasons` holds one text a check, all that failed."""

    code = 431

    def __init__(self, reasons: list[str]) -> None:
        """Join every reason into one text: the operator sees all of them at once."""
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class ConfigurationError(VrelocateError):
    """A setting is missing or wrong."""


class LostLease(VrelocateError):
    """The job's fence moved on: another worker owns the job, and this one must not write any more."""
