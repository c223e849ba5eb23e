"""The public check page and the download of documents, over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from dingkao.accounts.tables import Account
from dingkao.audit.refusals import RefusalLog
from dingkao.audit.tables import AuditEntry
from dingkao.db.counting import count_queries
from dingkao.documents.check_code import new_check_code
from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.results.annulling import propose_annulment
from dingkao.results.issuing import issue_notice
from dingkao.results.links import download_url
from dingkao.results.records import DocumentRecord, read_documents, read_results
from dingkao.results.sealing import seal_certificate
from dingkao.results.vocabulary import DocumentKind
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.testing.two_people import confirmed
from dingkao.testing.web import token_for
from dingkao.web.check import check_routes
from dingkao.web.middleware import RequestMiddleware

from .conftest import Office


@pytest.fixture
async def client(environment: Environment) -> AsyncIterator[httpx.AsyncClient]:
    middleware = [Middleware(RequestMiddleware, environment=environment)]
    app = Starlette(routes=check_routes(), middleware=middleware)
    app.state.environment = environment
    app.state.refusals = RefusalLog(environment)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        yield client


async def document_of(doctor: SampleDoctor, kind: DocumentKind) -> DocumentRecord:
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    return (await read_documents([result.id]))[result.id][kind]


async def bearer(environment: Environment, account_id: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {await token_for(environment, account_id)}"}


def path_of(document: DocumentRecord) -> str:
    return f"/documents/{encode_id('Document', document.id)}.pdf"


def link_path(environment: Environment, doctor: SampleDoctor, document: DocumentRecord) -> str:
    parts = urlsplit(download_url(environment, doctor.account_id, document.id))
    return f"{parts.path}?{parts.query}"


async def test_the_page_tells_the_states_of_a_certificate(sealing_office: Office, client: httpx.AsyncClient) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    doctor = await sealing_office.with_certificate("王䶮明")
    certificate = await document_of(doctor, DocumentKind.CERTIFICATE)
    address = f"/check/{certificate.check_code}"

    page = await client.get(address)
    assert page.status_code == 200
    assert "未盖章，未生效" in page.text
    assert certificate.number in page.text
    assert certificate.digest in page.text
    assert "王*明" in page.text
    assert "䶮" not in page.text
    assert doctor.document_number not in page.text

    sealed = await seal_certificate(environment, province.authority, doctor.assessment_id)
    page = await client.get(address)
    assert "未盖章" not in page.text
    assert "有效" in page.text
    assert sealed.digest in page.text
    assert certificate.digest not in page.text
    assert "2026-06-01" in page.text

    proposal = propose_annulment(environment, province.authority, doctor.assessment_id, "替考")
    await confirmed(environment, province.second_authority, proposal)
    page = await client.get(address)
    assert "已撤销" in page.text
    assert "撤销日期" in page.text


async def test_the_page_works_for_notices_and_speaks_english(office: Office, client: httpx.AsyncClient) -> None:
    doctor = await office.filed()
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    page = await client.get(f"/check/{notice.check_code}", headers={"Accept-Language": "en"})
    assert '<html lang="en">' in page.text
    assert "Valid" in page.text
    assert "示范省医师协会" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_an_unknown_code_is_not_found_and_no_code_costs_no_query(
    office: Office, client: httpx.AsyncClient
) -> None:
    page = await client.get(f"/check/{new_check_code()}")
    assert page.status_code == 404
    assert "查无此证" in page.text
    with count_queries() as queries:
        page = await client.get("/check/TZ-990000-2026-000001-1")
    assert page.status_code == 404
    assert queries == []


async def test_a_number_opens_no_page(office: Office, client: httpx.AsyncClient) -> None:
    doctor = await office.filed()
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    assert (await client.get(f"/check/{notice.number}")).status_code == 404


async def test_who_may_have_the_document_downloads_it(office: Office, client: httpx.AsyncClient) -> None:
    environment = office.environment
    doctor, other = await office.filed("王䶮"), await office.filed()
    notice = await issue_notice(environment, doctor.caller, doctor.assessment_id)
    own = await client.get(path_of(notice), headers=await bearer(environment, doctor.account_id))
    assert own.status_code == 200
    assert own.headers["content-type"] == "application/pdf"
    assert own.headers["cache-control"] == "no-store"
    assert own.headers["x-content-type-options"] == "nosniff"
    assert own.headers["content-disposition"].startswith(f'attachment; filename="{notice.number}.pdf"')
    assert own.content == await environment.files.get(notice.file_name)
    staff = await client.get(path_of(notice), headers=await bearer(environment, office.province.body.account_id))
    assert staff.status_code == 200

    anonymous = await client.get(path_of(notice))
    assert (anonymous.status_code, anonymous.json()["errors"][0]["code"]) == (401, "UNAUTHENTICATED")
    stranger = await client.get(path_of(notice), headers=await bearer(environment, other.account_id))
    assert (stranger.status_code, stranger.json()["errors"][0]["code"]) == (404, "NOT_FOUND")
    elsewhere = await build_sample(environment, code_suffix="X", region_code="980000")
    foreign = await client.get(path_of(notice), headers=await bearer(environment, elsewhere.authority.account_id))
    assert foreign.status_code == 404


async def test_a_doctor_does_not_download_the_notice_that_staff_printed_where_the_region_forbids_it(
    office: Office, client: httpx.AsyncClient
) -> None:
    await office.pin(notice_printable=False)
    doctor = await office.filed()
    notice = await issue_notice(office.environment, office.province.body, doctor.assessment_id)
    answer = await client.get(path_of(notice), headers=await bearer(office.environment, doctor.account_id))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "NOTICE_NOT_PRINTABLE")


async def test_a_signed_link_opens_for_five_minutes(
    office: Office, client: httpx.AsyncClient, clock: SettableClock
) -> None:
    doctor = await office.filed()
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    link = link_path(office.environment, doctor, notice)
    clock.advance(timedelta(minutes=5))
    opened = await client.get(link)
    assert opened.content.startswith(b"%PDF")
    assert opened.headers["content-security-policy"] == "default-src 'none'; sandbox"
    clock.advance(timedelta(seconds=1))
    late = await client.get(link)
    assert (late.status_code, late.json()["errors"][0]["code"]) == (403, "LINK_EXPIRED")


async def test_a_link_is_good_for_its_document_and_time_only(office: Office, client: httpx.AsyncClient) -> None:
    first, second = await office.filed(), await office.filed()
    one = await issue_notice(office.environment, first.caller, first.assessment_id)
    two = await issue_notice(office.environment, second.caller, second.assessment_id)
    link = link_path(office.environment, first, one)
    query = urlsplit(link).query
    signature = query.rpartition("=")[2]
    wrong = [
        f"{path_of(two)}?{query}",
        f"{path_of(one)}?{query.removesuffix(signature)}{'0' * 64}",
        f"{path_of(one)}?signature={signature}",
    ]
    for address in wrong:
        answer = await client.get(address)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "LINK_EXPIRED"), address
    # What was never a link of this server leaves its entry.
    assert await AuditEntry.count().where(AuditEntry.result == "LINK_INVALID") == len(wrong)
    assert (await client.get(f"/documents/{encode_id('Result', one.id)}.pdf")).status_code == 404
    assert (await client.get(link)).status_code == 200


async def test_a_link_ends_with_its_account(office: Office, client: httpx.AsyncClient) -> None:
    doctor = await office.filed()
    notice = await issue_notice(office.environment, doctor.caller, doctor.assessment_id)
    link = link_path(office.environment, doctor, notice)
    await Account.update({Account.disabled: True}).where(Account.id == doctor.account_id)
    refused = await client.get(link)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "LINK_EXPIRED")


async def test_a_revoked_document_is_no_longer_given_out(office: Office, client: httpx.AsyncClient) -> None:
    doctor = await office.with_certificate()
    certificate = await document_of(doctor, DocumentKind.CERTIFICATE)
    link = link_path(office.environment, doctor, certificate)
    proposal = propose_annulment(office.environment, office.province.authority, doctor.assessment_id, "替考")
    await confirmed(office.environment, office.province.second_authority, proposal)
    answer = await client.get(link, headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (410, "DOCUMENT_REVOKED")
    assert "revoked" in answer.json()["errors"][0]["message"]
