"""What is wrong with plugins, gathered so that one start tells all of it."""

from collections.abc import Iterator, Sequence


class PluginRefused(RuntimeError):
    """The start is refused because of plugins. `problems` holds a sentence for each thing that is wrong, which names
    the plugin and says what to do; the message is that sentence, or all of them, each on a line of its own."""

    def __init__(self, *problems: str) -> None:
        self.problems: Sequence[str] = problems
        if len(problems) == 1:
            super().__init__(problems[0])
        else:
            lines = "".join(f"\n  - {problem}" for problem in problems)
            super().__init__(f"{len(problems)} problems with plugins:{lines}")


class Problems:
    """Collects sentences, each once, in the order in which they were found."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}
        # Plugins that are there and cannot be loaded: nobody needs to be told to install them.
        self.broken: set[str] = set()

    def add(self, sentence: str, broken: str | None = None) -> None:
        """Write down what is wrong; `broken` is the plugin that cannot be used for it."""
        self._sentences[" ".join(sentence.split())] = None
        if broken is not None:
            self.broken.add(broken)

    def refuse(self) -> None:
        """Raises PluginRefused where anything was written down."""
        if self._sentences:
            raise PluginRefused(*self._sentences)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)

    def __len__(self) -> int:
        return len(self._sentences)
