"""Who may choose the simple procedure, and what it asks for. Pure."""

from collections.abc import Sequence
from datetime import date

from dingkao.plugin.contributions import PaperPlan, ProcedureRequirements
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import BehaviourPolarity, PaperSubject
from dingkao_simple_procedure.policy import CountedTo, SimpleProcedurePolicy


def full_years(since: date, until: date) -> int:
    """Full years from `since` to `until`, both days; 0 where `until` is the earlier one.

    Who began on 29 February has a full year on 1 March of a year without that day.
    """
    return max(0, until.year - since.year - ((until.month, until.day) < (since.month, since.day)))


def last_day_counted(facts: AssessmentFacts, rule: SimpleProcedurePolicy) -> date:
    """The day to which years of practice are counted (policy keys `years_counted_to`, `years_counted_on`)."""
    if rule.years_counted_on is not None:
        return rule.years_counted_on
    match rule.years_counted_to:
        case CountedTo.CYCLE_END:
            return facts.cycle_ends_on
        case CountedTo.CYCLE_START:
            return facts.cycle_starts_on
        case CountedTo.TODAY:
            return facts.today
        case CountedTo.DATE:
            raise AssertionError("the section's validator wants a day beside DATE")


class SimpleProcedure:
    """简易程序: a personal statement and proof instead of the professional test (2007 measure, 考核程序).

    Two ways lead in: so many years of practice and a good record in the cycle; or more years and no bad record in it.
    """

    code = "SIMPLE"
    title = Text("简易程序", "Simple procedure")
    description = Text(
        "适用于执业年限较长、行为记录良好的医师：上传证明材料并填写个人述职，由所在机构审核、考核机构复核。",
        "For doctors of long practice and good conduct: proof and a personal statement, reviewed by the institution "
        "and by the assessment body.",
    )

    def ineligibility(self, facts: AssessmentFacts, policy: Policy) -> Sequence[Reason]:
        """Every reason why neither way is open to this doctor, with the figures; empty where one is."""
        rule = policy.section(SimpleProcedurePolicy)
        if facts.practising_since is None:
            return [_START_UNKNOWN]
        until = last_day_counted(facts, rule)
        years = full_years(facts.practising_since, until)
        good = sum(record.polarity is BehaviourPolarity.GOOD for record in facts.behaviour)
        bad = sum(record.polarity is BehaviourPolarity.BAD for record in facts.behaviour)
        long_enough = years >= rule.years_with_good_record
        by_good_record = long_enough and good > 0 and (bad == 0 or not rule.require_no_bad_record_always)
        by_long_practice = years >= rule.years_without_bad_record and bad == 0
        if by_good_record or by_long_practice:
            return []
        reasons = []
        if not long_enough:
            reasons.append(_too_few_years(rule, years, until))
        if bad and (rule.require_no_bad_record_always or good == 0):
            reasons.append(_bad_records(bad))
        # A good record would help on the shorter way; on the longer one only where a bad record leaves no other.
        if good == 0 and (years < rule.years_without_bad_record or not rule.require_no_bad_record_always):
            reasons.append(_no_good_record(rule, years, until))
        return reasons

    def requirements(self, policy: Policy) -> ProcedureRequirements:
        """Proof and a personal statement (manual 2.2.3 (4))."""
        rule = policy.section(SimpleProcedurePolicy)
        return ProcedureRequirements(minimum_proofs=rule.minimum_proofs, statement_maximum=rule.statement_maximum)

    def papers(self, facts: AssessmentFacts, policy: Policy) -> Sequence[PaperPlan]:
        """None by the national text; the humanities paper where the region asks for it (manual 2.2.5)."""
        rule = policy.section(SimpleProcedurePolicy)
        return [PaperPlan(PaperSubject.HUMANITIES, rule.attempts)] if rule.humanities_paper else []


_START_UNKNOWN = Reason(
    "PRACTICE_START_UNKNOWN",
    Text(
        "缺少首次执业注册日期，无法计算执业年限，请联系所在医疗卫生机构核实注册信息。",
        "The date of the first practice certificate is missing, so years of practice cannot be counted; ask your "
        "institution to check your registration.",
    ),
)


def _too_few_years(rule: SimpleProcedurePolicy, years: int, until: date) -> Reason:
    return Reason(
        "TOO_FEW_YEARS",
        Text(
            f"执业年限不足：需满{rule.years_with_good_record}年，至{until.isoformat()}为{years}年。",
            f"Too few years of practice: {rule.years_with_good_record} are needed, "
            f"by {until.isoformat()} there are {years}.",
        ),
    )


def _bad_records(count: int) -> Reason:
    return Reason(
        "BAD_RECORD",
        Text(
            f"本考核周期内有不良行为记录{count}条，不适用简易程序。",
            f"Bad behaviour records in this cycle: {count}; the simple procedure asks for none.",
        ),
    )


def _no_good_record(rule: SimpleProcedurePolicy, years: int, until: date) -> Reason:
    return Reason(
        "NO_GOOD_RECORD",
        Text(
            f"除执业满{rule.years_without_bad_record}年且无不良行为记录者外，须有本考核周期内的良好行为记录："
            f"至{until.isoformat()}执业{years}年，良好行为记录0条。",
            f"A good behaviour record in this cycle is needed, save for those with {rule.years_without_bad_record} "
            f"years of practice and no bad record: by {until.isoformat()} there are {years} years and 0 good records.",
        ),
    )
