"""Sealing certificates: only then are they in force (manual 2.2.6: 定期考核合格证书需加盖发证机关公章后方可生效)."""

from datetime import datetime
from hashlib import sha256

from dingkao.access.rules import reaches, require_role
from dingkao.accounts.step_up import step_up
from dingkao.assessments.access import lock_assessment, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import begin, logged_in
from dingkao.documents import certificate as certificates
from dingkao.documents import seal as seals
from dingkao.documents.errors import SealUnusable
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, StateConflict
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.results.contents import Issuer, find_issuer
from dingkao.results.issuing import (
    changed_meanwhile,
    confirm_result,
    draft_again,
    drop_file,
    load_document_fonts,
    reach,
    refusals,
    stored,
    with_photo,
)
from dingkao.results.moving import move_document
from dingkao.results.records import DocumentRecord, read_documents
from dingkao.results.rules import CERTIFICATE_MACHINE, DocumentEvent
from dingkao.results.tables import ResultDocument
from dingkao.results.vocabulary import DocumentKind

# Of the port's contract (dingkao.plugin.ports.SealProvider).
# What the column holds of a seal certificate's subject.
_SUBJECT_LENGTH = 200


@step_up("SEAL_CERTIFICATE", Text("证书盖章", "seal a certificate"))
async def seal_certificate(environment: Environment, caller: Caller | None, assessment_id: int) -> DocumentRecord:
    """An officer of the issuing authority seals the printed certificate; from then on it is in force.

    The page is set anew in its sealed form and handed to the SealProvider, outside of any transaction.
    Raises NotLoggedIn, NotFound, Forbidden (also for an officer of another authority in whose reach the doctor is),
    NotEligible, and StateConflict: not printed, sealed already, what it says has changed since it was printed, or the
    seal could not be applied, which leaves it unsealed and may be tried again.
    """
    actor = logged_in(caller)
    record = await read_assessment(actor, assessment_id)
    require_role(actor, record, Role.AUTHORITY_OFFICER)
    issuer = await find_issuer(environment, record)
    grant = _issuing_grant(actor, record, issuer)
    reached = await reach(environment, actor, assessment_id, DocumentKind.CERTIFICATE)
    document = reached.document
    if document is None:
        text = Text("合格证书尚未生成，请先打印。", "The certificate is not printed yet; print it first.")
        raise StateConflict("CERTIFICATE_NOT_PRINTED", text, "NONE")
    CERTIFICATE_MACHINE.require(document.state, DocumentEvent.SEAL)
    draft = await draft_again(environment, reached, document)
    if draft.json != document.content:
        text = Text("证书内容已有变化，请重新打印后再盖章。", "What the certificate says has changed; print it anew.")
        raise StateConflict("CONTENT_CHANGED", text, document.state.value)
    content = await with_photo(environment, draft)
    assert isinstance(content, certificates.CertificateContent)  # noqa: S101 - drafted as a certificate above
    at = environment.clock.now()
    sealed = await _apply(environment, content, at, document)
    async with stored(environment, sealed.pdf) as file_name, begin(environment, actor) as work:
        await lock_assessment(work, assessment_id)
        work.acting = grant
        await confirm_result(reached)
        present = (await read_documents([reached.result.id]))[reached.result.id][DocumentKind.CERTIFICATE]
        if present != document:
            raise changed_meanwhile(present.state.value)
        await work.find("Document", document.id)
        await move_document(
            work,
            record,
            document,
            DocumentEvent.SEAL,
            also={
                ResultDocument.file_name: file_name,
                ResultDocument.digest: sha256(sealed.pdf).hexdigest(),
                ResultDocument.sealed_at: at,
                ResultDocument.sealed_by: grant.organisation_id,
                ResultDocument.seal_subject: sealed.certificate_subject[:_SUBJECT_LENGTH],
            },
        )
        await work.record("SEAL_CERTIFICATE", "Document", document.id, {"algorithm": sealed.algorithm})
        kept = (await read_documents([reached.result.id]))[reached.result.id][DocumentKind.CERTIFICATE]
    await drop_file(environment, document.file_name)
    return kept


def _issuing_grant(actor: Caller, record: AssessmentRecord, issuer: Issuer) -> RoleGrant:
    for grant in actor.grants:
        issuing = grant.role is Role.AUTHORITY_OFFICER and grant.organisation_id == issuer.authority_id
        if issuing and reaches(actor, grant, record):
            return grant
    if issuer.authority_id is None:
        raise Forbidden
    raise Forbidden(
        Text(
            f"合格证书须由发证机关（{issuer.authority_name}）加盖公章。",
            f"Only the issuing authority ({issuer.authority_name}) seals this certificate.",
        )
    )


async def _apply(
    environment: Environment, content: certificates.CertificateContent, at: datetime, document: DocumentRecord
) -> seals.SealedDocument:
    fonts = await load_document_fonts(environment)
    try:
        with refusals():
            return await certificates.seal_certificate(content, _ToldApartSeal(environment), at=at, fonts=fonts)
    except _SealFailed as error:
        raise StateConflict("SEAL_UNAVAILABLE", error.text, document.state.value) from error


class _SealFailed(Exception):
    """The seal could not be applied. Not a DocumentError: the page itself is in order."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class _ToldApartSeal:
    """The environment's SealProvider, its failures told apart from those of the page."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> seals.SealedDocument:
        """Raises _SealFailed."""
        try:
            sealed = await self._environment.seal.seal(pdf, authority_name=authority_name, reason=reason, at=at)
        except SealUnusable as error:
            raise _SealFailed(Text(str(error), "The seal cannot be used; see the server's configuration.")) from error
        except PortFailed as error:
            raise _SealFailed(
                Text("公章未能加盖，请稍后再试。", "The seal could not be applied; try again in a while.")
            ) from error
        return seals.SealedDocument(sealed.pdf, sealed.certificate_subject, sealed.algorithm)
