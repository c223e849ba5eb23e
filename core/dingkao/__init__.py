"""Dingkao: the server of the physician periodic assessment (医师定期考核)."""
