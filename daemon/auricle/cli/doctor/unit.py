"""The units: installed, running, not restarting again and again."""

from collections.abc import Iterator

from auricle.cli.doctor.finding import Finding, ask, failed, ok, skipped, warning

_OFTEN = 3


def check() -> Iterator[Finding]:
    any_there = False
    for name, scope in (("system unit", ()), ("user unit", ("--user",))):
        told = ask(
            "systemctl",
            *scope,
            "show",
            "auricle.service",
            "--property=LoadState,ActiveState,SubState,Result,NRestarts,StatusText",
        )
        shown = dict(line.split("=", 1) for line in (told or "").splitlines() if "=" in line)
        if shown.get("LoadState", "not-found") != "not-found":
            any_there = True
            yield _judged(name, scope, shown)
    if not any_there:
        yield skipped("unit", "none is installed here; `auricle service install` puts one in place")


def _judged(name: str, scope: tuple[str, ...], shown: dict[str, str]) -> Finding:
    user = "".join(f"{word} " for word in scope)
    state, said = shown.get("ActiveState", ""), shown.get("StatusText", "")
    look = f"journalctl {user}-u auricle -n 50"
    if state == "failed" or shown.get("SubState") == "auto-restart":
        why = "it does not listen"
        return failed(name, f"{state} ({shown.get('Result', '')})", why, look, f"systemctl {user}restart auricle")
    if state == "inactive":
        return warning(name, "installed, not started", "it does not listen", f"systemctl {user}enable --now auricle")
    if int(shown.get("NRestarts", "0") or 0) > _OFTEN:
        return warning(
            name, f"{said or state}; restarted {shown['NRestarts']} times", "something ends it again and again", look
        )
    if said.startswith("degraded"):
        return warning(name, said, "see the other findings", look)
    return ok(name, f"{state}: {said}" if said else state)
