"""Printed documents: the notice of the result, the certificate, its seal, and the public page that checks them."""
