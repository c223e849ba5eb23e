"""The key ring: what is sealed opens with its key, for its purpose and in its place, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.crypto.keys import BadKeys, MasterKey, new_key, read_keys, write_key
from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import CryptoError, KeyRing, NoKeys, SealBroken, UnknownKey, key_id_of
from dingkao.testing.keys import TEST_KEYS

RING = KeyRing.of(TEST_KEYS)
PLACE = "doctor.phone:7"


@given(st.text(), st.text(max_size=40), st.sampled_from(Purpose))
def test_text_comes_back_and_is_not_seen(text: str, place: str, purpose: Purpose) -> None:
    if any("\ud800" <= sign <= "\udfff" for sign in text + place):
        return
    sealed = RING.seal(purpose, place, text)
    assert RING.open(purpose, place, sealed) == text
    assert sealed != RING.seal(purpose, place, text)
    assert key_id_of(sealed) == RING.newest(purpose)
    assert sealed.isascii()


@given(st.binary(max_size=2000))
def test_bytes_come_back(data: bytes) -> None:
    sealed = RING.seal_bytes(Purpose.FACES, PLACE, data)
    assert RING.open_bytes(Purpose.FACES, PLACE, sealed) == data
    assert len(sealed) == len(data) + 40
    assert key_id_of(sealed) == RING.newest(Purpose.FACES)


def test_it_opens_for_its_purpose_and_place_alone() -> None:
    sealed = RING.seal(Purpose.PERSONAL_DATA, PLACE, "13800000000")
    for purpose, place in ((Purpose.FACES, PLACE), (Purpose.PERSONAL_DATA, "doctor.phone:8")):
        with pytest.raises(SealBroken) as broken:
            RING.open(purpose, place, sealed)
        assert "13800000000" not in str(broken.value)
        assert ":8" not in str(broken.value)


@pytest.mark.parametrize("position", range(9, 40, 3))
def test_a_changed_letter_does_not_open(position: int) -> None:
    sealed = RING.seal(Purpose.PERSONAL_DATA, PLACE, "13800000000")
    other = "A" if sealed[position] != "A" else "B"
    with pytest.raises(SealBroken):
        RING.open(Purpose.PERSONAL_DATA, PLACE, sealed[:position] + other + sealed[position + 1 :])


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(CryptoError):
        RING.open(Purpose.PERSONAL_DATA, PLACE, text)
    with pytest.raises(CryptoError):
        RING.open_bytes(Purpose.FACES, PLACE, text.encode())
    with pytest.raises(CryptoError):
        RING.open(Purpose.PERSONAL_DATA, PLACE, f"{RING.ids[0]}.{text}")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old, new = new_key(), new_key()
    before, after = KeyRing([old]), KeyRing([old, new])
    sealed = before.seal(Purpose.PERSONAL_DATA, PLACE, "x")
    assert after.open(Purpose.PERSONAL_DATA, PLACE, sealed) == "x"
    assert key_id_of(after.seal(Purpose.PERSONAL_DATA, PLACE, "x")) == new.id
    index = before.blind("doctor.document_number", "1")
    assert index in after.blinds("doctor.document_number", "1")
    assert index != after.blind("doctor.document_number", "1")
    digest = before.mac(Purpose.TOKENS, b"token")
    assert after.mac_holds(Purpose.TOKENS, b"token", digest)
    assert after.mac(Purpose.TOKENS, b"token", old.id) == digest
    with pytest.raises(UnknownKey, match=old.id):
        KeyRing([new]).open(Purpose.PERSONAL_DATA, PLACE, sealed)


def test_a_key_kept_for_the_audit_alone_makes_no_token() -> None:
    old, new = new_key(), new_key()
    forged = KeyRing([old]).mac(Purpose.TOKENS, b"token")
    ring = KeyRing([MasterKey(old.secret, frozenset({Purpose.AUDIT})), new])
    assert not ring.mac_holds(Purpose.TOKENS, b"token", forged)
    assert ring.mac_holds(Purpose.AUDIT, b"entry", KeyRing([old]).mac(Purpose.AUDIT, b"entry"))
    assert ring.ids_for(Purpose.TOKENS) == (new.id,)
    assert ring.purposes_of(old.id) == (Purpose.AUDIT,)


def test_purposes_and_kinds_have_nothing_in_common() -> None:
    secrets = {RING.secret(purpose) for purpose in Purpose}
    assert len(secrets) == len(Purpose)
    assert RING.blind("account.phone", "1") != RING.blind("doctor.phone", "1")


def test_a_ring_without_keys_complains_when_it_is_used() -> None:
    for use in (lambda ring: ring.seal(Purpose.FACES, PLACE, "x"), lambda ring: ring.blinds("a.b", "x")):
        with pytest.raises(NoKeys, match="dingkao keys new"):
            use(KeyRing(()))


def test_nothing_shows_a_key() -> None:
    key = new_key()
    shown = repr(key) + repr(KeyRing([key])) + str(key)
    assert write_key(key) not in shown
    assert key.secret.hex() not in shown
    assert repr(key.secret) not in shown


def test_the_text_of_a_ring() -> None:
    one, other = new_key(), MasterKey(new_key().secret, frozenset({Purpose.AUDIT, Purpose.FACES}))
    text = f"# of 2026\n{write_key(one)}  # the first\n\n{write_key(other)},"
    assert read_keys(text) == (one, other)
    assert read_keys("") == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("short", "key 1 is not 32 bytes"),
        (f"{TEST_KEYS} {TEST_KEYS}", "twice"),
        (f"{TEST_KEYS}:everything", "a purpose that there is not; the purposes are personal-data"),
        (f"{TEST_KEYS} {'ä' * 43}", "key 2 is not 32 bytes"),
    ],
)
def test_a_text_that_is_no_ring_is_refused_without_showing_it(text: str, complaint: str) -> None:
    with pytest.raises(BadKeys, match=complaint) as refused:
        read_keys(text)
    assert TEST_KEYS not in str(refused.value)
