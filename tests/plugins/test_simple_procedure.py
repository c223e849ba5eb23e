"""Who may choose the simple procedure: both ways in, every reason with its figures."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dingkao.plugin.contributions import Procedure, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy, PolicyError, PolicyLayer, stack
from dingkao.plugin.vocabulary import PaperSubject
from dingkao_simple_procedure.policy import SimpleProcedurePolicy
from dingkao_simple_procedure.rules import SimpleProcedure, full_years

PROCEDURE = SimpleProcedure()
MakeFacts = Callable[..., AssessmentFacts]


def policy(**values: object) -> Policy:
    layer = PolicyLayer(
        "990000", "test", "1", "test", {f"simple_procedure.{key}": value for key, value in values.items()}
    )
    return stack([SimpleProcedurePolicy], [layer])


def codes(facts: AssessmentFacts, rule: Policy) -> list[str]:
    return [reason.code for reason in PROCEDURE.ineligibility(facts, rule)]


def test_it_is_a_procedure() -> None:
    assert isinstance(PROCEDURE, Procedure)
    assert (PROCEDURE.code, PROCEDURE.title.zh) == ("SIMPLE", "简易程序")


@pytest.mark.parametrize(
    ("since", "good", "bad", "expected"),
    [
        # Twelve years by the cycle's end and no bad record; five and a good one: the day itself counts.
        (date(2014, 12, 31), 0, 0, []),
        (date(2015, 1, 1), 0, 0, ["NO_GOOD_RECORD"]),
        (date(2021, 12, 31), 1, 0, []),
        (date(2022, 1, 1), 1, 0, ["TOO_FEW_YEARS"]),
        (date(2022, 1, 1), 0, 0, ["TOO_FEW_YEARS", "NO_GOOD_RECORD"]),
        # The Physicians Law asks for no bad record on either way.
        (date(2021, 12, 31), 1, 1, ["BAD_RECORD"]),
        (date(2000, 1, 1), 0, 1, ["BAD_RECORD"]),
        (date(2000, 1, 1), 3, 1, ["BAD_RECORD"]),
        (date(2024, 5, 1), 0, 2, ["TOO_FEW_YEARS", "BAD_RECORD", "NO_GOOD_RECORD"]),
        # Not yet practising at the cycle's end.
        (date(2027, 5, 1), 1, 0, ["TOO_FEW_YEARS"]),
    ],
)
def test_reasons(make_facts: MakeFacts, since: date, good: int, bad: int, expected: list[str]) -> None:
    assert codes(make_facts(good, bad, practising_since=since), policy()) == expected


def test_reasons_say_the_figures(make_facts: MakeFacts) -> None:
    facts = make_facts(0, 2, practising_since=date(2023, 7, 1))
    years, bad, good = PROCEDURE.ineligibility(facts, policy())
    assert years.text.zh == "执业年限不足：需满5年，至2026-12-31为3年。"
    assert "不良行为记录2条" in bad.text.zh
    assert "执业满12年" in good.text.zh
    assert "至2026-12-31执业3年" in good.text.zh
    assert years.text.en == "Too few years of practice: 5 are needed, by 2026-12-31 there are 3."


def test_unknown_beginning_of_practice(make_facts: MakeFacts) -> None:
    assert codes(make_facts(1, practising_since=None), policy()) == ["PRACTICE_START_UNKNOWN"]


def test_the_measure_of_2007_alone_lets_a_good_record_outweigh_a_bad_one(make_facts: MakeFacts) -> None:
    rule = policy(require_no_bad_record_always=False)
    assert codes(make_facts(1, 1), rule) == []
    assert codes(make_facts(0, 1), rule) == ["BAD_RECORD", "NO_GOOD_RECORD"]
    assert codes(make_facts(1, 1, practising_since=date(2024, 1, 1)), rule) == ["TOO_FEW_YEARS"]


@pytest.mark.parametrize(("key", "expected"), [("CYCLE_END", []), ("TODAY", []), ("CYCLE_START", ["NO_GOOD_RECORD"])])
def test_years_are_counted_to_the_day_that_the_region_says(
    make_facts: MakeFacts, key: str, expected: list[str]
) -> None:
    facts = make_facts(practising_since=date(2013, 6, 1))
    assert codes(facts, policy(years_counted_to=key)) == expected


def test_years_are_counted_to_a_date(make_facts: MakeFacts) -> None:
    rule = policy(years_counted_to="DATE", years_counted_on="2023-12-31")
    assert codes(make_facts(practising_since=date(2011, 12, 31)), rule) == []
    assert codes(make_facts(practising_since=date(2012, 1, 1)), rule) == ["NO_GOOD_RECORD"]
    (reason,) = PROCEDURE.ineligibility(make_facts(practising_since=date(2012, 1, 1)), rule)
    assert "至2023-12-31执业11年" in reason.text.zh


@pytest.mark.parametrize("values", [{"years_counted_to": "DATE"}, {"years_counted_on": "2023-12-31"}])
def test_a_date_goes_with_the_word_for_it(values: dict[str, str]) -> None:
    with pytest.raises(PolicyError, match="years_counted_on goes with years_counted_to DATE"):
        policy(**values)


def test_full_years_count_the_day_itself() -> None:
    assert full_years(date(2020, 2, 29), date(2021, 2, 28)) == 0
    assert full_years(date(2020, 2, 29), date(2021, 3, 1)) == 1
    assert full_years(date(2020, 2, 29), date(2024, 2, 29)) == 4
    assert full_years(date(2020, 6, 2), date(2021, 6, 1)) == 0
    assert full_years(date(2021, 1, 1), date(2020, 1, 1)) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    since=st.dates(date(1980, 1, 1), date(2027, 12, 31)),
    good=st.integers(0, 2),
    bad=st.integers(0, 2),
    always=st.booleans(),
)
def test_there_are_reasons_exactly_where_neither_way_is_open(
    make_facts: MakeFacts, since: date, good: int, bad: int, always: bool
) -> None:
    years = full_years(since, date(2026, 12, 31))
    shorter = years >= 5 and good > 0 and not (always and bad)
    longer = years >= 12 and bad == 0
    found = codes(make_facts(good, bad, practising_since=since), policy(require_no_bad_record_always=always))
    assert (found == []) == (shorter or longer)
    assert len(found) == len(set(found))


def test_papers_and_requirements_follow_the_policy(make_facts: MakeFacts) -> None:
    facts = make_facts()
    assert list(PROCEDURE.papers(facts, policy())) == []
    (paper,) = PROCEDURE.papers(facts, policy(humanities_paper=True))
    assert (paper.subject, paper.attempts) == (PaperSubject.HUMANITIES, None)
    (paper,) = PROCEDURE.papers(facts, policy(humanities_paper=True, attempts=3))
    assert paper.attempts == 3
    assert PROCEDURE.requirements(policy()) == ProcedureRequirements(1, 2000)
    assert PROCEDURE.requirements(policy(minimum_proofs=2, statement_maximum=500)) == ProcedureRequirements(2, 500)


def test_a_layer_that_turns_the_two_ways_round_is_refused() -> None:
    with pytest.raises(PolicyError, match="years_without_bad_record"):
        policy(years_without_bad_record=3)
