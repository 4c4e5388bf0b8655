"""Write services/domain/traditional.txt: which simplified character stands for a traditional one.

`python -m deploy.tools.folding`; the pairs are facts that the package opencc-python-reimplemented carries.
"""

from pathlib import Path

import opencc

from services.shared.runtime.settings import PROJECT

TARGET = PROJECT / "services" / "domain" / "traditional.txt"


def pairs() -> list[str]:
    """Return each pair as two characters, traditional first."""
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
