"""Printing notices and certificates (manual 2.2.6).

A page is set and stored outside of any transaction; the transaction then checks that what was set still holds, and
only its commit gives the document out. A file whose transaction did not come to that is removed again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from piccolo.columns import Column

from dingkao.access.rules import OWN_ASSESSMENT, in_own_cause, reaches
from dingkao.assessments.access import lock_assessment, pinned_policy, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.clock import china_date
from dingkao.db.statement import Statement
from dingkao.documents.certificate import CertificateContent, render_certificate_async
from dingkao.documents.check_code import new_check_code
from dingkao.documents.errors import DocumentError
from dingkao.documents.fonts import DocumentFonts, load_fonts
from dingkao.documents.notice import NoticeContent, render_notice_async
from dingkao.documents.typesetting import printable_texts
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import NotEligible, NotFound, StateConflict
from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Reason, Text
from dingkao.results import contents
from dingkao.results.contents import Identity
from dingkao.results.links import check_url
from dingkao.results.moving import move_document, not_concluded
from dingkao.results.numbering import take_number
from dingkao.results.records import (
    DocumentRecord,
    ResultRecord,
    read_documents,
    read_documents_by_id,
    read_results,
    read_results_by_id,
)
from dingkao.results.rules import (
    CERTIFICATE_MACHINE,
    NOTICE_MACHINE,
    DocumentEvent,
    against_printing_certificate,
    against_printing_notice,
)
from dingkao.results.tables import ResultDocument
from dingkao.results.vocabulary import DocumentKind, DocumentState, ResultState
from dingkao.storage.files import new_file_name

PDF = "application/pdf"
PrintedContent = NoticeContent | CertificateContent

_kept = Statement(lambda p: ResultDocument.select(ResultDocument.id).where(ResultDocument.file_name == p.file_name))


@dataclass(frozen=True, slots=True)
class Reached:
    """A result in the caller's reach, with what was printed of it, and the grant in whose name the caller acts."""

    record: AssessmentRecord
    result: ResultRecord
    grant: RoleGrant
    document: DocumentRecord | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is about to be printed: content and photo, its canonical JSON, and what identifies it."""

    content: PrintedContent
    json: str
    photo: str | None
    identity: Identity
    check_code: str


async def issue_notice(environment: Environment, caller: Caller | None, assessment_id: int) -> DocumentRecord:
    """Print the notice of the result (考核结果通知书): the doctor where the region's policy lets him, and the staff who
    see the assessment. It is numbered once; printing again gives the same document, or, where what it says has changed
    since, a new page under the same number.

    Raises NotLoggedIn, NotFound, StateConflict before there is a result, and NotEligible with every reason against it,
    a character that no font has among them; then nothing is left behind.
    """
    return await _issue(environment, caller, assessment_id, DocumentKind.NOTICE)


async def issue_certificate(environment: Environment, caller: Caller | None, assessment_id: int) -> DocumentRecord:
    """Print the certificate of a qualified result (合格证书), which says that it is not in force before the authority
    has sealed it. Printing a sealed one again gives the sealed one.

    Raises as `issue_notice` does.
    """
    return await _issue(environment, caller, assessment_id, DocumentKind.CERTIFICATE)


async def find_download(environment: Environment, caller: Caller | None, document_id: int) -> DocumentRecord:
    """The document whose PDF the caller may have. Raises NotLoggedIn, FirstLoginOpen, NotFound, NotEligible."""
    actor = logged_in(caller)
    document = (await read_documents_by_id([document_id])).get(document_id)
    if document is None:
        raise NotFound
    record = await read_assessment(actor, document.assessment_id)
    result = (await read_results_by_id([document.result_id]))[document.result_id]
    await permitted(environment, actor, record, result, document.kind)
    return document


async def permitted(
    environment: Environment, actor: Caller, record: AssessmentRecord, result: ResultRecord, kind: DocumentKind
) -> RoleGrant:
    """The grant that lets `actor` have the document. Raises NotEligible with the reasons where none does."""
    policy = (await pinned_policy(environment, record)).section(DocumentsPolicy)
    refused: list[Reason] = []
    for grant in actor.grants:
        if not reaches(actor, grant, record) or in_own_cause(actor, grant, record.doctor_id):
            continue
        if kind is DocumentKind.NOTICE:
            reasons = against_printing_notice(result.state, grant.role, policy)
        else:
            reasons = against_printing_certificate(result.state, result.verdict, policy)
        if not reasons:
            return grant
        refused = refused or reasons
    raise NotEligible(refused or [OWN_ASSESSMENT])


async def reach(environment: Environment, caller: Caller | None, assessment_id: int, kind: DocumentKind) -> Reached:
    """The result of an assessment in scope, for a caller who may have its document of `kind`. Raises NotLoggedIn,
    NotFound, StateConflict, NotEligible."""
    actor = logged_in(caller)
    record = await read_assessment(actor, assessment_id)
    result = (await read_results([assessment_id])).get(assessment_id)
    if result is None:
        raise not_concluded(record)
    grant = await permitted(environment, actor, record, result, kind)
    document = (await read_documents([result.id]))[result.id].get(kind)
    return Reached(record, result, grant, document)


async def _issue(
    environment: Environment, caller: Caller | None, assessment_id: int, kind: DocumentKind
) -> DocumentRecord:
    actor = logged_in(caller)
    reached = await reach(environment, actor, assessment_id, kind)
    document = reached.document
    if document is not None and await _still_says_it(environment, reached, document):
        async with begin(environment, actor) as work:
            work.acting = reached.grant
            await _record(work, document)
        return document
    fonts = await load_document_fonts(environment)
    draft = await _draft(environment, reached, kind, fonts)
    pdf = await _set(environment, draft, fonts)
    async with stored(environment, pdf) as file_name, begin(environment, actor) as work:
        await lock_assessment(work, assessment_id)
        work.acting = reached.grant
        await confirm_result(reached)
        present = (await read_documents([reached.result.id]))[reached.result.id].get(kind)
        # Whoever printed it meanwhile was first: his is the document, and ours is dropped.
        if present == document:
            if present is not None:
                await work.find("Document", present.id)
            await _keep(work, reached, kind, draft, file_name, sha256(pdf).hexdigest())
            present = (await read_documents([reached.result.id]))[reached.result.id][kind]
        assert present is not None  # noqa: S101 - documents are never deleted
        await _record(work, present)
    if document is not None and present.file_name != document.file_name:
        await drop_file(environment, document.file_name)
    return present


async def _still_says_it(environment: Environment, reached: Reached, document: DocumentRecord) -> bool:
    """Whether the document may be given out again as it is. Raises StateConflict for a revoked certificate."""
    if document.kind is DocumentKind.CERTIFICATE:
        if document.state is DocumentState.SEALED:
            return True
        CERTIFICATE_MACHINE.require(document.state, DocumentEvent.SEAL)
    elif document.state is DocumentState.REVOKED:
        return False
    return document.content == (await draft_again(environment, reached, document)).json


async def draft_again(environment: Environment, reached: Reached, document: DocumentRecord) -> Draft:
    """What the document would say if it were printed now, on the day and under the number it has."""
    address = check_url(environment.settings, document.check_code)
    identity = Identity(document.number, address, china_date(document.issued_at))
    return await _describe(environment, reached, document.kind, identity, document.check_code)


async def _draft(environment: Environment, reached: Reached, kind: DocumentKind, fonts: DocumentFonts) -> Draft:
    """The content to print today. A new document takes its number only when every character can be printed."""
    today = china_date(environment.clock.now())
    code = reached.document.check_code if reached.document else new_check_code()
    if reached.document is not None:
        number = reached.document.number
    else:
        unnumbered = await _describe(environment, reached, kind, contents.UNNUMBERED, code)
        with refusals():
            fonts.require_glyphs(printable_texts(unnumbered.content))
        issuer = await contents.find_issuer(environment, reached.record)
        number = await take_number(kind, issuer.region_code, reached.record.cycle_ends_on.year)
    identity = Identity(number, check_url(environment.settings, code), today)
    return await _describe(environment, reached, kind, identity, code)


async def _describe(
    environment: Environment, reached: Reached, kind: DocumentKind, identity: Identity, code: str
) -> Draft:
    record, result = reached.record, reached.result
    content: PrintedContent
    if kind is DocumentKind.NOTICE:
        content = await contents.notice_content(environment, record, result, identity)
    else:
        issuer = await contents.find_issuer(environment, record)
        content = await contents.certificate_content(record, result, identity, issuer)
    photo = await contents.photo_name(record)
    return Draft(content, contents.as_json(content, photo), photo, identity, code)


async def _set(environment: Environment, draft: Draft, fonts: DocumentFonts) -> bytes:
    content = await with_photo(environment, draft)
    with refusals():
        if isinstance(content, NoticeContent):
            return await render_notice_async(content, fonts)
        return await render_certificate_async(content, fonts)


async def with_photo(environment: Environment, draft: Draft) -> PrintedContent:
    """The content with the photo read from the file store. Raises NotEligible where it is gone, StateConflict where the
    store is out of reach."""
    if draft.photo is None:
        return draft.content
    try:
        photo = await environment.files.get(draft.photo)
    except KeyError as error:
        text = Text("照片文件缺失，无法打印。", "The photo is missing; nothing can be printed.")
        raise NotEligible([Reason("PHOTO_MISSING", text)]) from error
    except PortFailed as error:
        raise _files_unavailable() from error
    return contents.with_photo(draft.content, photo)


async def _keep(
    work: UnitOfWork, reached: Reached, kind: DocumentKind, draft: Draft, file_name: str, digest: str
) -> None:
    made: dict[Column | str, Any] = {
        ResultDocument.content: draft.json,
        ResultDocument.file_name: file_name,
        ResultDocument.digest: digest,
        ResultDocument.issued_at: work.now,
    }
    document = reached.document
    if document is not None and document.state is DocumentState.REVOKED:
        await move_document(work, reached.record, document, DocumentEvent.ISSUE_ANEW, also=made)
        return
    if document is not None:
        await ResultDocument.update(made).where(ResultDocument.id == document.id)
        return
    machine = NOTICE_MACHINE if kind is DocumentKind.NOTICE else CERTIFICATE_MACHINE
    inserted = await ResultDocument.insert(
        ResultDocument(
            result=reached.result.id,
            kind=kind.value,
            number=draft.identity.number,
            check_code=draft.check_code,
            state=machine.initial.value,
            content=draft.json,
            file_name=file_name,
            digest=digest,
            issued_at=work.now,
        )
    ).returning(ResultDocument.id)
    await work.record_transition(
        machine=machine.name,
        object_id=inserted[0]["id"],
        assessment_id=reached.record.id,
        source="",
        event=DocumentEvent.ISSUE.value,
        target=machine.initial.value,
        policy_version=reached.record.policy_version,
    )


async def confirm_result(reached: Reached) -> None:
    """Under the lock: what was set is still the result. Raises StateConflict where it was changed or annulled."""
    present = (await read_results([reached.record.id]))[reached.record.id]
    telling = (ResultState.CHANGED, ResultState.ANNULLED)
    if present.verdict is not reached.result.verdict or (
        present.state is not reached.result.state and present.state in telling
    ):
        raise changed_meanwhile(present.state.value)


def changed_meanwhile(state: str) -> StateConflict:
    """The refusal of what rests on a state that somebody else has just left."""
    return StateConflict(
        "CHANGED_MEANWHILE",
        Text("数据已被他人更新，请刷新后重试。", "Somebody else was faster; look again."),
        state,
    )


async def _record(work: UnitOfWork, document: DocumentRecord) -> None:
    await work.record(f"PRINT_{document.kind.value}", "Document", document.id)


async def load_document_fonts(environment: Environment) -> DocumentFonts:
    """The fonts in use; read from the disk once, in a thread."""
    return await asyncio.to_thread(load_fonts, environment.settings.font_path)


@asynccontextmanager
async def stored(environment: Environment, pdf: bytes) -> AsyncIterator[str]:
    """Store `pdf` under a new name for the transaction in the block; afterwards remove it again where no document took
    it. Raises StateConflict where the store is out of reach."""
    name = new_file_name()
    try:
        await environment.files.put(name, pdf, PDF)
    except PortFailed as error:
        raise _files_unavailable() from error
    try:
        yield name
    finally:
        # Asked of the database, not concluded from an exception: a commit may succeed and its answer be lost.
        if await _kept.first(file_name=name) is None:
            await drop_file(environment, name)


async def drop_file(environment: Environment, name: str) -> None:
    """Remove a file that no document names any more; one that cannot be removed now is only a leftover."""
    with suppress(PortFailed):
        await environment.files.delete(name)


def _files_unavailable() -> StateConflict:
    return StateConflict(
        "FILES_UNAVAILABLE",
        Text("文件存储暂时不可用，请稍后再试。", "The file store is out of reach; try again in a while."),
        "UNAVAILABLE",
    )


@contextmanager
def refusals() -> Iterator[None]:
    """Show what keeps a page from being set (a character that no font has, an empty field) as NotEligible."""
    try:
        yield
    except DocumentError as error:
        text = Text(str(error), f"The document cannot be printed ({error.code}).")
        raise NotEligible([Reason(error.code, text)]) from error
