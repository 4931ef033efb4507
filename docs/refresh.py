"""Run the terminal sessions of the documentation, and write what has changed into the pages.

python docs/refresh.py [--slow] [PAGE...]

Pages that share a folder are one session, in the order of `SESSIONS`: what one command writes, later ones read. A
command whose output matches the page (see `transcripts.py`) leaves the page as it is. `--slow` also runs the blocks
that the test leaves out for their time.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transcripts import Command, Session, elided, has_key, matches, read_sessions, table_keys, without_progress

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SECONDS = 900  # of one command


def verb_pages() -> list[Path]:
    """Return the pages of the verbs in the order of a model's life."""
    from sqnxt_tf.cli.main import VERBS

    return [DOCS / "verbs" / f"{verb}.md" for verb in VERBS]


def sessions() -> dict[str, list[Path]]:
    """Return every page with a terminal session, grouped by the folder that they share."""
    verbs = [*verb_pages(), *sorted((DOCS / "formats").glob("*.md"))]
    others = [page for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))] if page not in verbs]
    return {
        "verbs": [page for page in verbs if read_sessions(page)],
        **{page.stem: [page] for page in others if read_sessions(page)},
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command of a page printed, and whether that is what the page shows."""

    session: Session
    command: Command
    output: list[str]
    seconds: float
    fault: str | None


def run_pages(folder: Path, pages: Iterable[Path], *, slow: bool = False) -> Iterator[Answer]:
    """Run the sessions of `pages` in `folder`, which is prepared with a few images first."""
    prepare(folder)
    for page in pages:
        for session in read_sessions(page):
            if session.is_run or (slow and "slow" in session.rules):
                for command in session.commands:
                    yield _answer(folder, session, command)


def prepare(folder: Path) -> None:
    """Write what the sessions begin with: photos of three classes, some of them broken, and three digits."""
    import numpy as np
    from PIL import Image

    from sqnxt_tf import load_data

    example = runpy.run_path(str(ROOT / "examples" / "images_from_disk.py"))
    example["write_images"](folder / "photos")
    example["break_some"](folder / "photos")
    (folder / "pictures").mkdir()
    for index, pixels in enumerate(load_data("digits", "test").batch(0, 3)):
        Image.fromarray(np.asarray(pixels)).resize((96, 96)).save(folder / "pictures" / f"{index}.png")
    programs = folder / ".programs"
    programs.mkdir()
    (programs / "sqnxt-tf").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqnxt_tf.cli "$@"\n')
    (programs / "sqnxt-tf").chmod(0o755)


def _answer(folder: Path, session: Session, command: Command) -> Answer:
    keys = "keys" in session.rules
    environment = {**os.environ, "PATH": f"{folder / '.programs'}:{os.environ['PATH']}", "NO_COLOR": "1"}
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if keys else subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    seconds = time.monotonic() - began
    if keys:
        return Answer(session, command, [], seconds, _missing_keys(session, done.stdout))
    output = without_progress(done.stdout)
    fault = None
    if not matches(command.output, output, measured="measured" in session.rules):
        fault = "\n".join([f"{session}: $ {command.text}", "printed:", *output, "where the page has:", *command.output])
    return Answer(session, command, output, seconds, fault)


def _missing_keys(session: Session, text: str) -> str | None:
    """Say which keys of the next table are not in a JSON document."""
    lines = session.path.read_text("utf-8").splitlines()[session.end + 1 :]
    try:
        document = json.loads(text)
    except ValueError:
        return f"{session}: printed no JSON document but {text[:500]!r}"
    missing = [key for key in table_keys(lines) if not has_key(document, key)]
    return f"{session}: the document has no {', '.join(missing)}" if missing else None


def rewrite(page: Path, answers: Iterable[Answer]) -> bool:
    """Put what was printed in place of what does not match; tell whether anything did not."""
    changed = {id(answer.command): answer for answer in answers if answer.fault and "keys" not in answer.session.rules}
    lines = page.read_text("utf-8").splitlines()
    for session in reversed(list({answer.session.start: answer.session for answer in changed.values()}.values())):
        block: list[str] = []
        for command in session.commands:
            answer = changed.get(id(command))
            output = elided(command.output, answer.output) if answer else command.output
            block += [*([""] if block else []), *command.typed, *output]
        lines[session.start : session.end] = block
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return bool(changed)


def main(arguments: list[str]) -> None:
    slow = "--slow" in arguments
    wanted = [Path(argument).resolve() for argument in arguments if not argument.startswith("--")]
    for pages in sessions().values():
        if wanted and not set(wanted) & set(pages):
            continue
        with tempfile.TemporaryDirectory() as folder:
            answers: dict[Path, list[Answer]] = {}
            for answer in run_pages(Path(folder), pages, slow=slow):
                answers.setdefault(answer.session.path, []).append(answer)
                verdict = "differs" if answer.fault else "as shown"
                print(f"{answer.session} $ {answer.command.text}: {verdict}, {answer.seconds:.1f} s")
                if answer.fault and "keys" in answer.session.rules:
                    print(answer.fault)
        for page, given in answers.items():
            if rewrite(page, given):
                print(f"{page.relative_to(ROOT)}: rewritten")


if __name__ == "__main__":
    main(sys.argv[1:])
