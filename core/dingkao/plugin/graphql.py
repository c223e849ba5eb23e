"""What GraphQL code of core and plugins shares: the request's context, problems as data, pages."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry.dataloader import DataLoader

from dingkao.plugin import errors
from dingkao.plugin.caller import Caller
from dingkao.plugin.services import PluginServices
from dingkao.plugin.text import Language, Text
from dingkao.plugin.text import Reason as RuleReason

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# The most a page may hold (design: at most 100 a page).
PAGE_MAXIMUM = 100


class SharedLoader(DataLoader[Key, Value]):
    """A loader whose values several fields wait for. GraphQL cancels the neighbours of a field that fails; one that is
    cancelled must not take the value from the others, whose request would end without an answer."""

    def load(self, key: Key) -> Awaitable[Value]:
        """The value of `key`, gathered with those that others ask for."""
        return asyncio.shield(super().load(key))


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """A mutation that the rules refused: its field as it was asked, and the refusal, which is shown as data."""

    field: Any
    refusal: errors.Refusal


class RequestContext:
    """One request: who asks, in which language, and the loaders that gather its queries."""

    def __init__(self, caller: Caller | None, language: Language, services: PluginServices) -> None:
        self.caller = caller
        self.language = language
        self.services = services
        self._loaders: dict[Any, DataLoader[Any, Any]] = {}
        self._refused_acts: list[RefusedAct] = []

    def loader(
        self, load: Callable[[list[Key]], Awaitable[Sequence[Value]]], name: str | None = None
    ) -> DataLoader[Key, Value]:
        """The request's loader for `load`, which receives keys and returns a value for each, in order.

        A loader is found again by the function itself, or by `name` where the function is made anew at each call.
        """
        key = name or load
        found = self._loaders.get(key)
        if found is None:
            found = SharedLoader(load_fn=load)
            self._loaders[key] = found
        return found

    def forget_loaded(self) -> None:
        """Drop what loaders hold: called after a mutation has written."""
        self._loaders.clear()

    def say(self, text: Text) -> str:
        """`text` in the request's language."""
        return text.in_language(self.language)


Info = strawberry.Info[RequestContext, None]

# A plugin's types refer to the core's Assessment by name; the class itself is the core's business.
AssessmentReference = Annotated["Assessment", strawberry.lazy("dingkao.assessments.graphql")]  # type: ignore[name-defined]  # noqa: F821
# An upload, as `services.load_files` gives it.
UploadedFileReference = Annotated["UploadedFile", strawberry.lazy("dingkao.assessments.graphql.form_types")]  # type: ignore[name-defined]  # noqa: F821


@strawberry.interface(description="An object with an opaque id. 带标识的对象")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")


@strawberry.type(description="A reason with a stable code. 原因")
class Reason:
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.interface(description="Why a mutation did nothing: something the user can mend. 未能办理的原因")
class Problem:
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="What is wrong with one field of the input. 单项填写问题")
class FieldProblem:
    path: str = strawberry.field(description="Path in the input, as `education.0.school`. 字段路径")
    code: str = strawberry.field(description="Stable code. 代码")
    message: str = strawberry.field(description="Sentence for people. 说明")


@strawberry.type(description="The input is bad; every problem at once. 填写有误")
class ValidationProblem(Problem):
    fields: list[FieldProblem] = strawberry.field(description="Each problem. 各项问题")


@strawberry.type(description="The act does not fit the present state. 当前状态不可办理")
class StateProblem(Problem):
    # Not `state`: unions hold it beside objects whose `state` is an enumeration, and GraphQL merges no two types.
    current_state: str = strawberry.field(description="The state the object is in. 当前状态")


@strawberry.type(description="The rules do not allow it for this doctor. 不符合条件")
class NotEligibleProblem(Problem):
    reasons: list[Reason] = strawberry.field(description="Every reason. 各项原因")


def show_reasons(reasons: Sequence[RuleReason], language: Language) -> list[Reason]:
    """Reasons of the rules, as the API shows them."""
    return [Reason(code=reason.code, message=reason.text.in_language(language)) for reason in reasons]


def show_fields(problems: Sequence[errors.FieldProblem], language: Language) -> list[FieldProblem]:
    """Field problems of the rules, as the API shows them."""
    return [
        FieldProblem(path=problem.path, code=problem.code, message=problem.text.in_language(language))
        for problem in problems
    ]


def _keep_refused(info: Any, refusal: errors.Refusal) -> None:
    """Keep the refusal of a mutation for the audit, which is written when the operation is over."""
    if info.path.prev is None:
        info.context._refused_acts.append(RefusedAct(info._raw_info.field_nodes[0], refusal))


class ValidationHandler(strawberry.ExceptionHandler[errors.ValidationFailed, ValidationProblem]):
    """Shows ValidationFailed as ValidationProblem wherever a field's union has it."""

    def handle(self, exception: errors.ValidationFailed, *, field: Any, info: Any) -> ValidationProblem:
        language = info.context.language
        message = Text("填写有误，请按提示修改。", "The input has mistakes; see the fields.")
        return ValidationProblem(
            code="INVALID_INPUT",
            message=message.in_language(language),
            fields=show_fields(exception.problems, language),
        )


class StateHandler(strawberry.ExceptionHandler[errors.StateConflict, StateProblem]):
    """Shows StateConflict as StateProblem."""

    def handle(self, exception: errors.StateConflict, *, field: Any, info: Any) -> StateProblem:
        _keep_refused(info, exception)
        return StateProblem(
            code=exception.code,
            message=exception.text.in_language(info.context.language),
            current_state=exception.state,
        )


class NotEligibleHandler(strawberry.ExceptionHandler[errors.NotEligible, NotEligibleProblem]):
    """Shows NotEligible as NotEligibleProblem."""

    def handle(self, exception: errors.NotEligible, *, field: Any, info: Any) -> NotEligibleProblem:
        _keep_refused(info, exception)
        language = info.context.language
        message = Text("不符合条件。", "The conditions are not met.")
        return NotEligibleProblem(
            code="NOT_ELIGIBLE",
            message=message.in_language(language),
            reasons=show_reasons(exception.reasons, language),
        )


PROBLEM_HANDLERS = (ValidationHandler(), StateHandler(), NotEligibleHandler())

NodeType = TypeVar("NodeType")


@strawberry.type(description="Where a page ends. 分页信息")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow. 是否有下一页")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for the next page. 末条游标")


@strawberry.type(description="One entry of a page. 条目")
class Edge(Generic[NodeType]):
    cursor: str = strawberry.field(description="Its place in the list. 游标")
    node: NodeType = strawberry.field(description="The object. 对象")


@strawberry.type(description="A page of a list. 分页列表")
class Connection(Generic[NodeType]):
    edges: list[Edge[NodeType]] = strawberry.field(description="The entries of this page. 条目")
    page_info: PageInfo = strawberry.field(description="Where the page ends. 分页信息")


def page_size(first: int) -> int:
    """`first`, checked. Raises BadArgument below 1 or above the page maximum."""
    if not 1 <= first <= PAGE_MAXIMUM:
        raise errors.BadArgument(
            Text(f"每页条数须在1到{PAGE_MAXIMUM}之间。", f"A page holds 1 to {PAGE_MAXIMUM} entries.")
        )
    return first
