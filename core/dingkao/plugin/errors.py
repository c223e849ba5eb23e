"""How a use case refuses. Services raise these; the API shows the first group as data and the second as errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.plugin.text import Reason, Text


class Refusal(Exception):
    """A request that was understood and not carried out; nothing was changed."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong in an input: the path to it (`education.0.school`), a code and a sentence."""

    path: str
    code: str
    text: Text


class ValidationFailed(Refusal):
    """The input is bad; carries every problem at once."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.text.en}" for problem in problems))
        self.problems = tuple(problems)


class StateConflict(Refusal):
    """The act does not fit the state the object is in."""

    def __init__(self, code: str, text: Text, state: str) -> None:
        super().__init__(f"{code} in {state}: {text.en}")
        self.code = code
        self.text = text
        self.state = state


class NotEligible(Refusal):
    """The rules do not allow this for this doctor; carries the reasons."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(f"{reason.code}: {reason.text.en}" for reason in reasons))
        self.reasons = tuple(reasons)


class RevisionConflict(Refusal):
    """Another device changed the object since the client read it; the answer carries the current state."""

    def __init__(self, assessment_id: int, revision: int) -> None:
        super().__init__(f"the assessment is at revision {revision} now")
        self.assessment_id = assessment_id
        self.revision = revision


class AccessRefused(Refusal):
    """Shown as a top-level error with `extensions.code`."""

    code = "FORBIDDEN"
    text = Text("您没有权限进行此操作。", "You are not allowed to do this.")

    def __init__(self, text: Text | None = None) -> None:
        if text is not None:
            self.text = text
        super().__init__(f"{self.code}: {self.text.en}")


class NotLoggedIn(AccessRefused):
    """No session, or one that has ended."""

    code = "UNAUTHENTICATED"
    text = Text("请先登录。", "Log in first.")


class FirstLoginOpen(AccessRefused):
    """The session may only set a password and bind a phone (manual 2.2.2)."""

    code = "FIRST_LOGIN_REQUIRED"
    text = Text("首次登录须先修改密码并绑定手机号。", "Set your own password and bind a phone first.")


class SecondFactorOpen(AccessRefused):
    """The account's role asks for a second factor, and none is set up: the session may do nothing else."""

    code = "SECOND_FACTOR_REQUIRED"
    text = Text("您的角色须先启用动态口令。", "Your role asks for a second factor: set up an authenticator first.")


class StepUpRequired(AccessRefused):
    """The act needs proof, a few minutes old at most, of who asks; see dingkao.accounts.step_up."""

    code = "STEP_UP_REQUIRED"
    text = Text("此操作须再次验证身份。", "Show again who you are (confirmIdentity), then repeat this.")


class Forbidden(AccessRefused):
    """The account's roles do not include this act."""


class NotFound(AccessRefused):
    """There is no such object for this account, whether or not it exists for another."""

    code = "NOT_FOUND"
    text = Text("未找到该记录。", "There is no such record.")


class BadArgument(AccessRefused):
    """An argument of a query is out of its range; a query has no union to say so in."""

    code = "BAD_ARGUMENT"
    text = Text("查询参数有误。", "An argument is out of its range.")


class TooManyRequests(AccessRefused):
    """A limit on tries; `retry_after_seconds` says when to come back."""

    code = "RATE_LIMITED"
    text = Text("操作过于频繁，请稍后再试。", "Too many tries; wait a while.")

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            Text(
                f"操作过于频繁，请在{retry_after_seconds}秒后再试。",
                f"Too many tries; try again in {retry_after_seconds} seconds.",
            )
        )
        self.retry_after_seconds = retry_after_seconds
