"""A key is replaced whole: everything is sealed anew while it is used, and the older key can be taken away."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.papers.sittings import Sittings, build_sittings

from dingkao.accounts.activation import issue_activation_codes
from dingkao.accounts.logging_in import account_by_login_name, log_in
from dingkao.accounts.notices import all_sent
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.second_factor import confirm_second_factor, enrol_second_factor
from dingkao.accounts.sessions import Origin
from dingkao.accounts.tables import Account
from dingkao.accounts.totp import code_of, secret_of, step_of
from dingkao.accounts.wechat import bind_wechat, log_in_with_wechat
from dingkao.audit.verification import verify_chain
from dingkao.crypto.current import use_keys
from dingkao.crypto.keys import MasterKey, new_key, read_keys
from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import CryptoError, KeyRing
from dingkao.db.database import fetch
from dingkao.db.ddl import create_statements
from dingkao.doctors.records import list_doctors
from dingkao.environment import Environment
from dingkao.key_replacement import count_needed, count_older_tokens, replace_keys
from dingkao.messaging.outbox import read_outbox
from dingkao.papers.attempts import start_attempt
from dingkao.papers.writing import attempt_token
from dingkao.plugin.ports import PortFailed
from dingkao.plugin.tables import ROUTER, Record, Sealed, blind_index
from dingkao.proctoring import resealing
from dingkao.proctoring.capturing import capture_face
from dingkao.proctoring.consent import give_face_consent
from dingkao.proctoring.deletion import delete_due_faces
from dingkao.proctoring.looking import look_at_face
from dingkao.proctoring.resealing import reseal_faces
from dingkao.proctoring.subjects import subject_of
from dingkao.proctoring.tables import FaceImage
from dingkao.storage.faces import FaceImages
from dingkao.testing.clock import SettableClock
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.progress import made_up_picture
from dingkao.testing.sample import SampleDoctor

OWN = "correct horse battery"
HERE = Origin("203.0.113.7", "test", "r")
PICTURE = made_up_picture("PNG")
(OLD,) = read_keys(TEST_KEYS)


class Killed(Exception):
    """The command is ended in the middle."""


class WeChatOfTheTest:
    async def open_id(self, code: str) -> str:
        return f"openid-{code}"


def under(environment: Environment, *keys: MasterKey) -> Environment:
    """The same server, started with another ring."""
    ring = environment.database.keys = KeyRing(keys)
    return replace(
        environment, keys=ring, faces=FaceImages(environment.faces._store, ring), mini_program=WeChatOfTheTest()
    )


async def captured(sittings: Sittings) -> SampleDoctor:
    doctor = await sittings.doctor()
    await give_face_consent(sittings.environment, doctor.caller, doctor.assessment_id, "2026-9")
    await capture_face(sittings.environment, doctor.caller, doctor.assessment_id, PICTURE)
    return doctor


async def with_faces(environment: Environment) -> Sittings:
    sittings = await build_sittings(environment)
    await sittings.pin(face_capture=True, face_consent_version="2026-9", face_consent_text="授权书全文")
    return sittings


def stored_files(environment: Environment) -> list[Path]:
    folder = Path(f"{environment.settings.storage_url}-faces")
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_everything_opens_without_the_older_key(environment: Environment, clock: SettableClock) -> None:
    new = new_key()
    before = under(environment, OLD)
    sittings = await with_faces(before)
    province, doctor = sittings.province, await captured(sittings)
    await Account.update({Account.password_hash: await hash_password(OWN), Account.phone: "13800000000"}).where(
        Account.id == doctor.account_id
    )
    await bind_wechat(before, doctor.caller, "mine")
    officer = province.institution
    await Account.update({Account.password_hash: await hash_password(OWN)}).where(Account.id == officer.account_id)
    login = (await Account.select(Account.login_name).where(Account.id == officer.account_id).first())["login_name"]
    secret = secret_of((await enrol_second_factor(before, officer)).secret)
    recovery = await confirm_second_factor(before, officer, code_of(secret, step_of(clock.now())))
    issued = await issue_activation_codes(before, officer, province.institution_id, [doctor.doctor_id])
    await all_sent()
    subject = await subject_of(before, doctor.doctor_id)
    image = await FaceImage.objects().first()
    kept = await before.faces.get(image.name)

    both = under(environment, OLD, new)
    with use_keys(both.keys):
        told: list[tuple[int, int]] = []
        replaced = await replace_keys(both, lambda done, total: told.append((done, total)))
        assert replaced.rows["account"] == await Account.count()
        assert {"doctor", "recovery_code", "activation_code", "wechat_binding", "subject_secret"} <= set(replaced.rows)
        assert (replaced.authenticators, replaced.faces.resealed) == (1, 1)
        assert told[-1][0] == told[-1][1]
        # What is left for the older key: the audit, of what was done before.
        assert replaced.needed[OLD.id].sealed == 0
        assert replaced.needed[OLD.id].audit_entries > 0
        assert replaced.needed[new.id].faces == 1
        assert not (await replace_keys(both)).anything

    # The older key is gone.
    alone = under(environment, new)
    with use_keys(alone.keys):
        assert (await account_by_login_name(doctor.document_number))["id"] == doctor.account_id
        (found,) = await list_doctors(province.authority, search=doctor.document_number, after=0, limit=5)
        assert (found.id, found.document_number) == (doctor.doctor_id, doctor.document_number)
        clock.advance(timedelta(minutes=1))
        for code in (code_of(secret, step_of(clock.now())), recovery[0]):
            assert (await log_in(alone, login, OWN, origin=HERE, code=code)).account_id == officer.account_id
        assert (await log_in_with_wechat(alone, "mine", origin=HERE)).account_id == doctor.account_id
        activated = await log_in(alone, doctor.document_number, issued.codes[0].code, origin=HERE)
        assert activated.account_id == doctor.account_id
        assert await look_at_face(alone, province.body, image.id) == kept
        assert await subject_of(alone, doctor.doctor_id) == subject
        assert [message.phone for message in await read_outbox(5)]
    # The chain is checked with what is kept of it for that alone.
    audit_only = under(environment, MasterKey(OLD.secret, frozenset({Purpose.AUDIT})), new)
    with use_keys(audit_only.keys):
        assert (await verify_chain(audit_only)).broken is None
        assert set(await count_needed(audit_only)) == {OLD.id, new.id}


async def test_faces_are_sealed_anew_one_by_one_whatever_ends_it(
    environment: Environment, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = new_key()
    sittings = await with_faces(environment)
    for _ in range(3):
        await captured(sittings)
    names = {image.name for image in await FaceImage.objects()}
    both = under(environment, OLD, new)
    put, swap = FaceImages.put, resealing._swap
    tries = 0

    async def killed_after_the_second(*given: object) -> bool:
        nonlocal tries
        tries += 1
        swapped = await swap(*given)  # type: ignore[arg-type]
        if tries == 2:
            raise Killed
        return swapped

    monkeypatch.setattr(resealing, "_swap", killed_after_the_second)
    with pytest.raises(Killed):
        await reseal_faces(both)
    # Two images point at new files; of the old one that was not deleted yet a row still tells.
    assert await FaceImage.count().where(FaceImage.sealed_by == new.id) == 2
    assert len(stored_files(environment)) == 4
    assert await FaceImage.count() == 4
    clock.advance(timedelta(minutes=61))
    assert (await delete_due_faces(both)).not_used == 1
    assert len(stored_files(environment)) == 3

    async def out_of_reach(*_: object) -> None:
        raise PortFailed("no")

    monkeypatch.setattr(FaceImages, "put", out_of_reach)
    assert (await reseal_faces(both)).failed == 1
    monkeypatch.setattr(FaceImages, "put", put)
    assert (await reseal_faces(both)).resealed == 1
    clock.advance(timedelta(minutes=61))
    await delete_due_faces(both)
    kept = await FaceImage.objects().where(FaceImage.deleted_at.is_null())
    assert {path.name for path in stored_files(environment)} == {image.name for image in kept}
    assert not names & {image.name for image in kept}
    for image in kept:
        assert await under(environment, new).faces.get(image.name)
        with pytest.raises(CryptoError):
            await environment.faces.get(image.name)


async def test_what_is_deleted_meanwhile_stays_deleted(
    environment: Environment, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sittings = await with_faces(environment)
    doctor = await captured(sittings)
    until = (await sittings.record(doctor)).tests_until
    clock.advance(until - clock.now() + timedelta(days=181))
    both = under(environment, OLD, new_key())
    swap = resealing._swap

    async def purged_just_before(*given: object) -> bool:
        assert (await delete_due_faces(both)).time_over == 1
        return await swap(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(resealing, "_swap", purged_just_before)
    assert (await reseal_faces(both)).resealed == 0
    assert stored_files(environment) == []
    assert [image.deleted_because for image in await FaceImage.objects()] == ["TIME_OVER"]


class Contact(Record, db=ROUTER, tablename="sichuan_contact"):
    """A table as a plugin's author writes it."""

    phone = Sealed(index="phone_index")
    phone_index = blind_index()


async def test_what_a_plugin_has_sealed_is_sealed_anew(environment: Environment) -> None:
    for statement in create_statements([Contact], "sqlite" if environment.database.is_sqlite else "postgres"):
        await fetch(statement)
    await Contact.insert(Contact(phone="13800000000"))
    both = under(environment, OLD, new := new_key())
    both = replace(both, registry=replace(both.registry, tables=[Contact]))
    with use_keys(both.keys):
        assert (await replace_keys(both)).rows["sichuan_contact"] == 1
    with use_keys(KeyRing([new])):
        found = await Contact.select(Contact.phone).where(Contact.phone == "13800000000")
        assert [row["phone"] for row in found] == ["13800000000"]


async def test_a_test_that_is_being_written_keeps_its_key(environment: Environment, clock: SettableClock) -> None:
    sittings = await build_sittings(environment)
    doctor, later = await sittings.doctor(), await sittings.doctor()
    attempt_id = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    attempt = await sittings.attempt(attempt_id)
    both = under(environment, OLD, new_key())
    clock.advance(timedelta(minutes=1))
    with use_keys(both.keys):
        assert await count_older_tokens(both) == 1
        assert (await replace_keys(both)).open_attempts == 1
        clock.advance(timedelta(minutes=1))
        await start_attempt(both, later.caller, (await sittings.papers(later))[0].id)
        # One that begins under the new key holds nothing up.
        assert await count_older_tokens(both) == 1
        assert attempt_token(both, attempt_id, attempt.started_at, 1) != attempt_token(
            environment, attempt_id, attempt.started_at, 1
        )
