"""Keys of this server, and what is done with them: encryption at rest, indexes of what is encrypted, signatures.

One ring of keys (`DINGKAO_KEYS` or the file `DINGKAO_KEYS_FILE`; `dingkao keys new` makes one) serves every part; each
part has a `Purpose` of its own, and from each key of the ring a key of its own by HKDF, so that nothing which one part
makes can be taken for another's. Services find the ring in `environment.keys`; where there is no environment at hand (a
function that reads tables) `current_keys()` gives the ring of the database in use.

To keep text secret in a column (TOTP secrets, openids, phones):

    sealed = keys.seal(Purpose.SECOND_FACTOR, f"account.totp:{account_id}", secret)      # text for a Varchar column
    secret = keys.open(Purpose.SECOND_FACTOR, f"account.totp:{account_id}", sealed)

The second argument says where it lies: table, column, and the row where that is known. It is not stored; a ciphertext
that is copied elsewhere does not open. For files (faces) `seal_bytes` and `open_bytes` do the same.

To find what is sealed: a column beside it with `keys.blind("doctor.document_number", number)`, unique if the value is;
look for `column.is_in(keys.blinds(...))`, which has the index under every key of the ring while one is being replaced.

To sign what this server itself checks again (tokens, links, codes): `keys.mac(purpose, message)` and
`keys.mac_holds(purpose, message, digest)`. What is kept for years and checked with the key that was used then (the
chain of the audit) stores `keys.newest(purpose)` beside it and asks for `keys.mac(purpose, message, key_id)`; a seed
for another algorithm (Ed25519) is `keys.secret(purpose, key_id)`.
"""
