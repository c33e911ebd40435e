"""How help is set: the same under every Python, at most 100 columns wide."""

import argparse
import os

_WIDEST = 100
_USUAL = 80


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line ends of descriptions and examples; `-o, --output FILE` names the value once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=min(_WIDEST, _columns() - 2))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def _columns() -> int:
    """As `shutil.get_terminal_size`, whose module brings three for compression with it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(1).columns or _USUAL
    except OSError:
        return _USUAL
