"""What a use case refused with, as plain values that a test compares."""

from collections.abc import Awaitable

import pytest

from dingkao.plugin.errors import AccessRefused, NotEligible, StateConflict, ValidationFailed


async def refused_fields(use_case: Awaitable[object]) -> list[tuple[str, str]]:
    """(path, code) of each problem of the input, sorted; every one with a Chinese sentence."""
    with pytest.raises(ValidationFailed) as refusal:
        await use_case
    assert all(_is_chinese(problem.text.zh) for problem in refusal.value.problems)
    return sorted((problem.path, problem.code) for problem in refusal.value.problems)


async def refused_state(use_case: Awaitable[object]) -> tuple[str, str]:
    """(code, state) of a refusal because of the state."""
    with pytest.raises(StateConflict) as refusal:
        await use_case
    assert _is_chinese(refusal.value.text.zh)
    return refusal.value.code, refusal.value.state


async def refused_reasons(use_case: Awaitable[object]) -> list[str]:
    """The codes of a refusal by the rules, sorted."""
    with pytest.raises(NotEligible) as refusal:
        await use_case
    assert all(_is_chinese(reason.text.zh) for reason in refusal.value.reasons)
    return sorted(reason.code for reason in refusal.value.reasons)


async def refused_access(use_case: Awaitable[object]) -> str:
    """The code of a refusal for who asks: UNAUTHENTICATED, FIRST_LOGIN_REQUIRED, FORBIDDEN or NOT_FOUND."""
    with pytest.raises(AccessRefused) as refusal:
        await use_case
    assert _is_chinese(refusal.value.text.zh)
    return refusal.value.code


def _is_chinese(sentence: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in sentence)
