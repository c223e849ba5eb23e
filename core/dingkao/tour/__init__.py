"""`dingkao tour`: the whole way from login to certificate, played over HTTP against a running server."""

from dingkao.tour.play import run_tour

__all__ = ["run_tour"]
