"""How far a download is: a bar on a terminal, else a line for each file."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class Arrival:
    """Shows the files of one model as they come, on standard error."""

    def __init__(self, name: str) -> None:
        self._name = name
        console = Console(file=sys.stderr)
        self._progress = (
            Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=console,
                redirect_stdout=False,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> "Arrival":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, file: str, number: int, count: int, size_bytes: int) -> None:
        """The next file comes."""
        text = f"{self._name}: {file} ({number} of {count})"
        if self._progress is None:
            print(f"{text}, {size_bytes / 1e6:.1f} MB", file=sys.stderr, flush=True)
        else:
            self._progress.add_task(text, total=size_bytes)

    def advance(self, count: int) -> None:
        """So many bytes more of it are here."""
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[-1], count)
