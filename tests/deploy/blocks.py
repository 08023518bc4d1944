"""The fenced blocks of a page of docs/, for the checks that run them as they are written.

Each block has a language after its first fence. A section whose heading is a key of `chosen` is left out
unless its heading is the chosen one: a page can describe SQLite and PostgreSQL, and a check runs one.
"""

import pathlib
import re
from dataclasses import dataclass

HEADING = re.compile(r"^(#+) (.*)$")
FENCE = re.compile(r"^```(.*)$")


@dataclass
class Block:
    language: str
    text: str
    line: int
    heading: str


def blocks(page, languages, left_out=()):
    """Returns the blocks of a page in their order. Another language than `languages` is a fault: such a
    block would not be tested. `left_out` are headings whose sections, with all below them, are skipped."""
    found, heading, skipped_at, language, lines, began = [], "", None, None, [], 0
    for number, line in enumerate(pathlib.Path(page).read_text().splitlines(), 1):
        fence, title = FENCE.match(line), HEADING.match(line)
        if language is not None:
            if fence:
                if skipped_at is None:
                    found.append(Block(language, "\n".join(lines) + "\n", began, heading))
                language = None
            else:
                lines.append(line)
        elif fence:
            language, lines, began = fence[1].strip(), [], number + 1
            if language not in languages:
                raise SystemExit(f"{page}:{number}: a block of the language {language!r}, which no check runs")
        elif title:
            heading, depth = title[2], len(title[1])
            if skipped_at is not None and depth <= skipped_at:
                skipped_at = None
            if skipped_at is None and heading in left_out:
                skipped_at = depth
    if language is not None:
        raise SystemExit(f"{page}:{began}: a block without an end")
    missing = [name for name in left_out if f"# {name}\n" not in pathlib.Path(page).read_text()]
    if missing:
        raise SystemExit(f"{page} has no section {missing}")
    return found
