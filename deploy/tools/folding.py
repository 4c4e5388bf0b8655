"""Writes services/domain/policy/traditional.txt, which maps traditional Chinese characters to simplified ones.

Run `python -m deploy.tools.folding` after an update of opencc-python-reimplemented, whose dictionary it reads.
"""

from pathlib import Path

import opencc

from deploy.tools.checkout import PROJECT

TARGET = PROJECT / "services" / "domain" / "policy" / "traditional.txt"


def pairs() -> list[str]:
    """Return the pairs, each as two characters, traditional first."""
    source = Path(opencc.__file__).parent / "dictionary" / "TSCharacters.txt"
    found = []
    for line in source.read_text(encoding="utf-8").splitlines():
        traditional, _, simplified = line.partition("\t")
        first = simplified.split(" ")[0]
        if len(traditional) == len(first) == 1 and traditional != first:
            found.append(traditional + first)
    return sorted(found)


if __name__ == "__main__":
    TARGET.write_text("\n".join(pairs()) + "\n", encoding="utf-8")
