"""The tour against a real server: the whole way, end to end, on both databases."""

from io import StringIO

from rich.console import Console

from dingkao.tour import run_tour
from dingkao.tour.codes import outbox_reader

from .conftest import DemoServer


def play(server: DemoServer, *questions: object) -> tuple[int, str]:
    printed = StringIO()
    console = Console(file=printed, width=160, highlight=False)
    code = run_tour(server.url, list(questions), read_code=outbox_reader(server.database_url), console=console)
    return code, printed.getvalue()


def test_every_answer_is_what_the_manual_says(demo_server: DemoServer) -> None:
    code, printed = play(demo_server)
    assert code == 0, printed
