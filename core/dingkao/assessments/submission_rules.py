"""Whether a registration may be submitted: everything that is missing or wrong, at once. Pure."""

import json
from collections.abc import Sequence

from dingkao.assessments.content import FormContent
from dingkao.assessments.form_rules import FORM_TEXTS, HistoryKind, form_problems
from dingkao.assessments.records import AssessmentRecord
from dingkao.plugin.contributions import ProcedureRequirements
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import EvaluationPolicy, FormPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import RATED_DIMENSIONS, Dimension

_TITLES = {rule.name: rule.title for rule in FORM_TEXTS} | {"startedWorkOn": "参加工作日期"}
_COLUMNS = {rule.name: rule.column for rule in FORM_TEXTS} | {"startedWorkOn": "started_work_on"}
_DIMENSIONS = {Dimension.WORK_PERFORMANCE: "工作成绩", Dimension.PROFESSIONAL_ETHICS: "职业道德"}


def submission_problems(
    record: AssessmentRecord,
    facts: AssessmentFacts,
    content: FormContent,
    policy: Policy,
    requirements: ProcedureRequirements | None,
    ineligibility: Sequence[Reason],
) -> list[FieldProblem]:
    """All that stands between the draft and its submission; `requirements` is None where no procedure is chosen (or
    the chosen one is no longer there)."""
    return [
        *_form(content, policy.section(FormPolicy), facts),
        *_self_evaluation(content, policy.section(EvaluationPolicy)),
        *_procedure(record, content, requirements, ineligibility),
    ]


def _form(content: FormContent, policy: FormPolicy, facts: AssessmentFacts) -> list[FieldProblem]:
    problems = []
    for name in policy.required_fields:
        value = content.form.get(_COLUMNS.get(name, name))
        if value is None or (isinstance(value, str) and not value.strip()):
            title = _TITLES.get(name, name)
            problems.append(FieldProblem(f"form.{name}", "REQUIRED", Text(f"请填写{title}。", f"Fill in {name}.")))
    for problem in form_problems(content.form, facts.today):
        problems.append(FieldProblem(f"form.{problem.path}", problem.code, problem.text))
    if policy.photo_required and content.photo is None:
        problems.append(FieldProblem("form.photo", "REQUIRED", Text("请上传照片。", "Upload a photo.")))
    if policy.education_required and not content.histories[HistoryKind.EDUCATION]:
        text = Text("请至少填写一条教育经历，可直接填最高学历。", "Give at least one education; the highest will do.")
        problems.append(FieldProblem("education", "REQUIRED", text))
    return problems


def _self_evaluation(content: FormContent, policy: EvaluationPolicy) -> list[FieldProblem]:
    given = {rating["dimension"]: rating for rating in content.self_ratings()}
    problems = []
    for dimension in RATED_DIMENSIONS:
        title = _DIMENSIONS[dimension]
        path = f"selfEvaluation.{dimension.value}"
        rating = given.get(dimension.value)
        if rating is None:
            text = Text(f"请完成{title}自评。", f"Rate your own {dimension.value}.")
            problems.append(FieldProblem(path, "REQUIRED", text))
            continue
        if rating["verdict"] is None:
            text = Text(f"请填写{title}自评结论。", "Give your own verdict.")
            problems.append(FieldProblem(f"{path}.verdict", "REQUIRED", text))
        scored = {score["code"] for score in json.loads(rating["items"])}
        for item in policy.items:
            if item.dimension == dimension and item.code not in scored:
                text = Text(f"请为“{item.title}”打分。", f"Give a score for {item.code}.")
                problems.append(FieldProblem(f"{path}.{item.code}", "REQUIRED", text))
    return problems


def _procedure(
    record: AssessmentRecord,
    content: FormContent,
    requirements: ProcedureRequirements | None,
    ineligibility: Sequence[Reason],
) -> list[FieldProblem]:
    if requirements is None:
        return [FieldProblem("procedure", "REQUIRED", Text("请选择考核程序。", "Choose a procedure."))]
    problems = [FieldProblem("procedure", reason.code, reason.text) for reason in ineligibility]
    if len(content.proofs) < requirements.minimum_proofs:
        number = requirements.minimum_proofs
        text = Text(f"请至少上传{number}份证明材料。", f"Upload at least {number} proof(s).")
        problems.append(FieldProblem("proofs", "REQUIRED", text))
    if requirements.statement_maximum is not None and not record.statement.strip():
        text = Text("请填写个人述职报告。", "Write the personal statement.")
        problems.append(FieldProblem("statement", "REQUIRED", text))
    return problems
