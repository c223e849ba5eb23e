"""The tour, from top to bottom: five doctors, the staff they need, and everything that must be refused on the way."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape

from dingkao.clock import SystemClock, china_date
from dingkao.demo import people as demo
from dingkao.tour import steps_accounts as accounts
from dingkao.tour import steps_accounts_of_staff as accounts_of_staff
from dingkao.tour import steps_credentials as credentials
from dingkao.tour import steps_cycle as cycle
from dingkao.tour import steps_exemption as exemption
from dingkao.tour import steps_registration as registration
from dingkao.tour import steps_result as result
from dingkao.tour import steps_review as review
from dingkao.tour import steps_staff as staff
from dingkao.tour import steps_tests as tests
from dingkao.tour.client import Account, Report, WrongAnswer
from dingkao.tour.codes import CodeNotFound, outbox_reader
from dingkao.tour.people import CodeReader, Doctor, World
from dingkao.tour.questions import HUMANITIES, PROFESSIONAL, Bank, NoAnswer, banks_of, demo_banks

TIMEOUT_SECONDS = 60.0


def run_tour(
    url: str,
    question_files: Sequence[Path] = (),
    *,
    read_code: CodeReader | None = None,
    console: Console | None = None,
) -> int:
    """Play the way against the demo server at `url`; returns 0 where every answer was what the manual says, else 1.

    `question_files` are imported in place of the demo's questions and sat; afterwards the demo's own are put back.
    `read_code` finds the SMS code sent to a phone; by default in the outbox of DINGKAO_DATABASE_URL's database. Raises
    httpx.TransportError where no server answers, BadSettings, BadDatabaseUrl.
    """
    report = Report(console or Console(highlight=False))
    report.console.print(f"{escape(url)}   [green]✓[/] done   [yellow]✗[/] refused, as it has to be", soft_wrap=True)
    # The environment's proxies are for the world outside; the demo server is on this machine or beside it.
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
        try:
            given = banks_of(question_files)
            world = _open_world(http, report, read_code or outbox_reader())
            _play_with_banks(world, given)
        except WrongAnswer as wrong:
            _print_wrong(report, wrong)
            return 1
        except (CodeNotFound, NoAnswer, ValueError) as error:
            report.console.print(f"[bold red]The tour cannot go on:[/] {escape(str(error))}", soft_wrap=True)
            return 1
    report.console.print(f"\n[bold green]{report.steps} steps, every answer as the manual says.[/]")
    return 0


def _print_wrong(report: Report, wrong: WrongAnswer) -> None:
    came = wrong.came if isinstance(wrong.came, str) else json.dumps(wrong.came, ensure_ascii=False, default=str)
    report.console.print(
        f"\n[bold red]Wrong answer[/] after {report.steps} steps: {escape(wrong.who)}, {escape(wrong.operation)}\n"
        f"  expected: {escape(wrong.expected)}\n  came:     {escape(came)}",
        soft_wrap=True,
    )


def _open_world(http: httpx.Client, report: Report, read_code: CodeReader) -> World:
    """Log the demo's staff in and find its two hospitals."""
    report.chapter("工作人员登录")
    authority = _staff(http, report, "卫健委", demo.AUTHORITY_OFFICER)
    return World(
        http=http,
        report=report,
        read_code=read_code,
        authority=authority,
        second_authority=_staff(http, report, "卫健委二", demo.SECOND_AUTHORITY_OFFICER),
        bank_author=_staff(http, report, "命题专家", demo.BANK_AUTHOR),
        bank_approver=_staff(http, report, "审题专家", demo.BANK_APPROVER),
        security_administrator=_staff(http, report, "安全管理员", demo.SECURITY_ADMINISTRATOR),
        system_administrator=_staff(http, report, "系统管理员", demo.SYSTEM_ADMINISTRATOR),
        audit_administrator=_staff(http, report, "审计管理员", demo.AUDIT_ADMINISTRATOR),
        institution=_staff(http, report, "人民医院", demo.INSTITUTION_OFFICER),
        body=_staff(http, report, "考核机构", demo.BODY_REVIEWER),
        other_institution=_staff(http, report, "另一家医院", demo.SECOND_INSTITUTION_OFFICER),
        hospital_id=_organisation(authority, demo.FIRST_HOSPITAL),
        other_hospital_id=_organisation(authority, demo.SECOND_HOSPITAL),
        body_id=_organisation(authority, demo.BODY),
    )


def _staff(http: httpx.Client, report: Report, who: str, login_name: str) -> Account:
    account = Account(who, http, report)
    try:
        started = account.do(
            "LogIn",
            "SessionStarted",
            "登录成功",
            input={"documentNumber": login_name, "password": demo.PASSWORD},
        )
    except WrongAnswer as wrong:
        expected = "the demo's staff to log in (is this a server that `dingkao demo` made?)"
        raise WrongAnswer(who, "LogIn", expected, wrong.came) from None
    account.token, account.password = started["token"], demo.PASSWORD
    return account


def _organisation(authority: Account, code: str) -> str:
    found = authority.read("Organisations", f"查找机构{code}", search=code)["edges"]
    authority.equal("Organisations", "institutions found", len(found), 1)
    return str(found[0]["node"]["id"])


def _play_with_banks(world: World, given: Mapping[str, Bank]) -> None:
    banks = demo_banks()
    if not given:
        _play(world, banks)
        return
    try:
        world.report.chapter("导入题库")
        for bank in given.values():
            tests.import_bank(world, bank)
        _play(world, {**banks, **given})
    finally:
        world.report.chapter("恢复演示题库")
        for subject in given:
            tests.import_bank(world, banks[subject])


def _play(world: World, banks: Mapping[str, Bank]) -> None:
    today = china_date(SystemClock().now())
    simple = world.doctor("龚䶮", practising_since=date(today.year - 20, 7, 1))
    general = world.doctor("程一般", practising_since=date(today.year - 3, 7, 1), in_registry=True)
    exempted = world.doctor("免一科", practising_since=date(today.year - 4, 7, 1))
    rated = world.doctor("评未过", practising_since=date(today.year - 20, 7, 1))
    failing = world.doctor("卷未过", practising_since=date(today.year - 2, 7, 1), by_passport=True)
    doctors = [simple, general, exempted, rated, failing]

    world.report.chapter("登记、首次登录")
    _enter(world, doctors, wrongly_placed=failing)
    world.report.chapter("开通报名")
    registration.see_closed(simple)
    registration.open_enrolment(world, doctors)
    registration.see_opened(simple)

    world.report.chapter("简易程序：可多次答题，合格为止")
    _simple(world, simple, banks, stranger=general)
    world.report.chapter("一般程序：先医学人文，后业务水平，各一次")
    _general(world, general, banks)
    world.report.chapter("免考：一般程序免业务水平")
    _exempted(world, exempted, banks, stranger=general)
    world.report.chapter("职业道德评定不合格：不再测评")
    _failed_by_rating(world, rated, today)
    world.report.chapter("试卷不合格")
    _failed_by_paper(world, failing, banks)

    world.report.chapter("考核结果、通知书、合格证书")
    _results(world, doctors)
    world.report.chapter("工作人员查询")
    staff.look_up(world, simple)
    cycle.refuse_changes(world, simple)
    cycle.watch(world, simple)
    accounts_of_staff.administer(world)
    world.report.chapter("修改密码、更换手机号、忘记密码、激活码、微信")
    credentials.change_password(general)
    credentials.change_phone(world, general)
    credentials.reset_password(world, exempted)
    accounts.log_in(exempted)
    credentials.come_back_by_activation_code(world, failing)
    credentials.be_without_wechat(world, general)
    world.report.chapter("退出登录")
    accounts.log_out_everywhere(simple)
    accounts.keep_session(simple)
    accounts.confirm_identity(world.institution, demo.PASSWORD)
    accounts.set_up_second_factor(world.other_institution, demo.PASSWORD)


def _enter(world: World, doctors: Sequence[Doctor], wrongly_placed: Doctor) -> None:
    for doctor in doctors:
        accounts.register(world, doctor, world.other_hospital_id if doctor is wrongly_placed else world.hospital_id)
    first, second = doctors[0], doctors[1]
    accounts.refuse_logins(first)
    for doctor in doctors:
        accounts.first_login(world, doctor, with_refusals=doctor in (first, second))
    accounts.log_out_and_in(first)
    accounts.transfer(world, wrongly_placed)
    for doctor in doctors:
        doctor.home("考核进度：未开通报名")


def _fill_in(doctor: Doctor) -> None:
    registration.fill_form(doctor)
    registration.fill_histories(doctor)
    registration.evaluate_self(doctor)


def _approve(world: World, doctor: Doctor) -> None:
    review.approve_by_institution(world, doctor)
    review.approve_by_body(world, doctor)


def _concluded(doctor: Doctor, verdict: str) -> None:
    shown = doctor.home("考核结束")
    doctor.account.equal("Home", "the end", (shown["state"], shown["conclusion"]), ("CONCLUDED", verdict))


def _simple(world: World, doctor: Doctor, banks: Mapping[str, Bank], stranger: Doctor) -> None:
    registration.submit_incomplete(doctor)
    registration.fill_form_with_refusals(world, doctor, stranger)
    registration.fill_histories(doctor, all_three=True)
    registration.evaluate_self(doctor, with_refusals=True)
    registration.choose_simple_with_refusals(doctor)
    registration.submit(doctor, with_refusals=True)
    exemption.see_what_simple_waives(doctor)
    review.return_to_doctor(world, doctor, "请补充最高学历的毕业时间")
    registration.fill_histories(doctor)
    registration.submit(doctor)
    review.approve_by_institution(world, doctor, outdated=True)
    review.return_to_institution(world, doctor, "请核实工作成绩评定")
    review.approve_by_institution(world, doctor)
    tests.refuse_before_approval(doctor)
    review.approve_by_body(world, doctor, with_refusals=True)
    result.refuse_before_result(doctor)
    tests.consent(doctor, with_refusals=True)
    tests.sit(doctor, HUMANITIES, banks[HUMANITIES], right=False)
    tests.state(doctor, HUMANITIES, "AVAILABLE", None)
    attempt = tests.sit(doctor, HUMANITIES, banks[HUMANITIES], right=True, with_refusals=True)
    tests.see_saves(world, doctor, attempt)
    tests.state(doctor, HUMANITIES, "PASSED", None)
    _concluded(doctor, "QUALIFIED")


def _general(world: World, doctor: Doctor, banks: Mapping[str, Bank]) -> None:
    _fill_in(doctor)
    registration.choose_general(doctor, simple_refused="TOO_FEW_YEARS")
    registration.submit(doctor)
    _approve(world, doctor)
    tests.be_identified_in_person(world, doctor)
    tests.refuse_start(doctor, PROFESSIONAL, "PAPER_LOCKED")
    tests.sit(doctor, HUMANITIES, banks[HUMANITIES], right=True)
    tests.state(doctor, HUMANITIES, "PASSED", 0)
    tests.state(doctor, PROFESSIONAL, "AVAILABLE", 1)
    tests.sit(doctor, PROFESSIONAL, banks[PROFESSIONAL], right=True)
    _concluded(doctor, "QUALIFIED")


def _exempted(world: World, doctor: Doctor, banks: Mapping[str, Bank], stranger: Doctor) -> None:
    _fill_in(doctor)
    registration.choose_general(doctor)
    exemption.refuse_before_enrolment(doctor)
    registration.submit(doctor)
    exemption.reject(world, doctor, exemption.ask(doctor))
    exemption.grant(world, doctor, exemption.ask(doctor), stranger)
    _approve(world, doctor)
    tests.state(doctor, PROFESSIONAL, "EXEMPT", 1)
    tests.consent(doctor)
    tests.sit(doctor, HUMANITIES, banks[HUMANITIES], right=True)
    _concluded(doctor, "QUALIFIED")


def _failed_by_rating(world: World, doctor: Doctor, today: date) -> None:
    _fill_in(doctor)
    bad = {"doctorId": doctor.doctor_id, "kind": "ADMINISTRATIVE_PENALTY", "description": "警告"}
    happened = (today - timedelta(days=30)).isoformat()
    world.institution.refused("RecordBehaviour", "FORBIDDEN", input={**bad, "occurredOn": happened})
    world.authority.do(
        "RecordBehaviour", "DoctorSuccess", "登记不良行为记录：行政处罚", input={**bad, "occurredOn": happened}
    )
    registration.choose_general(doctor, simple_refused="BAD_RECORD")
    registration.submit(doctor)
    review.approve_by_institution(world, doctor, review.ETHICS_FAILED)
    review.confirm_failure(world, doctor)
    tests.refuse_start(doctor, HUMANITIES, "TESTS_NOT_OPEN")
    _concluded(doctor, "UNQUALIFIED")


def _failed_by_paper(world: World, doctor: Doctor, banks: Mapping[str, Bank]) -> None:
    _fill_in(doctor)
    registration.choose_general(doctor)
    registration.submit(doctor)
    _approve(world, doctor)
    tests.consent(doctor)
    tests.sit(doctor, HUMANITIES, banks[HUMANITIES], right=False)
    tests.state(doctor, HUMANITIES, "FAILED", 0)
    tests.refuse_start(doctor, PROFESSIONAL, "TESTS_NOT_OPEN")
    _concluded(doctor, "UNQUALIFIED")


def _results(world: World, doctors: Sequence[Doctor]) -> None:
    simple, general, exempted, rated, failing = doctors
    result.refuse_before_filing(simple)
    result.announce(world, list(doctors))
    for doctor in (simple, general, exempted):
        result.see(doctor, "QUALIFIED", ("QUALIFIED", "QUALIFIED", "QUALIFIED"))
    result.see(rated, "UNQUALIFIED", ("QUALIFIED", "UNQUALIFIED", None))
    result.see(failing, "UNQUALIFIED", ("QUALIFIED", "QUALIFIED", "UNQUALIFIED"))
    result.print_notice(simple, general, "合格", "简易程序")
    result.print_notice(rated, general, "不合格")
    result.refuse_certificate(world, failing)
    result.certify(world, simple)
    result.certify(world, exempted)
    result.object_and_uphold(world, rated)
    result.annul(world, exempted)
