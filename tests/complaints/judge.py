"""`make judge`: how the rules classify the labelled texts, and what became better or worse since the last run."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from tests.complaints import pairs
from tests.complaints.texts import COUNTED_APART, OWN, JudgedText, half, judge, load, load_own

SHARED = PROJECT.parent / "shared/complaints"
"""Texts and pairs that are no part of the tree."""
BASELINE = OWN / "verdicts.json"
"""Verdicts on the project's own texts, as committed: a letter for each text of a pack."""
LAST_RUN = PROJECT / ".duban/judge.json"
"""Verdicts of the last run on every text of every set."""
FIRST_PACK = "carrier"
ORDER = {"right": 0, "triage": 1, "wrong": 2}


def main() -> None:
    """Print every set, then what changed."""
    parser = argparse.ArgumentParser(prog="make judge", description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with dev.jsonl and pairs.jsonl")
    parser.add_argument("--all", action="store_true", help="print every text that is not right, also of half B")
    parser.add_argument("--keep", action="store_true", help="write the committed verdicts on the project's own texts")
    options = parser.parse_args()
    packs = loading.load(PROJECT / "policies")
    own = list(judge(load_own(packs), packs))
    judged = list(own)
    _print("own", own, shown=own)
    given = options.shared / "dev.jsonl"
    if given.exists():
        shared = list(judge(load(given), packs))
        judged += shared
        halves = {name: [each for each in shared if half(each.label) == name] for name in "AB"}
        for name, texts in halves.items():
            _print(f"shared, half {name}", texts, shown=texts if name == "A" or options.all else ())
        _print("shared", shared, shown=())
    else:
        print(f"shared: skipped, {given} is not on this machine")
    for path in (pairs.OWN, options.shared / "pairs.jsonl"):
        print(f"pairs of {path.parent}: " + (_pairs(path) if path.exists() else "skipped, not on this machine"))
    _print_changes(judged, _kept() | _last_run())
    LAST_RUN.parent.mkdir(exist_ok=True)
    LAST_RUN.write_text(json.dumps({each.label["id"]: each.verdict for each in judged}), encoding="utf-8")
    if options.keep:
        keep(own)


def letters(texts: Iterable[JudgedText]) -> dict[str, str]:
    """Return the verdicts of texts by their pack, a letter each."""
    found: dict[str, str] = {}
    for each in texts:
        found[each.label["pack"]] = found.get(each.label["pack"], "") + each.verdict[0]
    return found


def keep(own: Iterable[JudgedText]) -> None:
    """Write the verdicts on the project's own texts, to be committed."""
    BASELINE.write_text(json.dumps(letters(own), indent=1) + "\n", encoding="utf-8")


def kept_letters() -> dict[str, str]:
    """Return the committed verdicts on the project's own texts, a letter each, by their pack."""
    found: dict[str, str] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return found


def _kept() -> dict[str, str]:
    names = {name[0]: name for name in ORDER}
    return {
        label["id"]: names[letter]
        for pack, verdicts in kept_letters().items()
        for label, letter in zip(load(OWN / f"{pack}.jsonl"), verdicts, strict=False)
    }


def _last_run() -> dict[str, str]:
    if not LAST_RUN.exists():
        return {}
    found: dict[str, str] = json.loads(LAST_RUN.read_text(encoding="utf-8"))
    return found


def _print(title: str, texts: Sequence[JudgedText], shown: Sequence[JudgedText]) -> None:
    print(f"\n{title}: {len(texts)} texts")
    for each in shown:
        if each.verdict != "right":
            print(f"  {each.line()}")
    for part, of_part in (
        (FIRST_PACK, [each for each in texts if each.label["pack"] == FIRST_PACK]),
        ("other packs", [each for each in texts if each.label["pack"] != FIRST_PACK]),
    ):
        print(f"  {part}: {summary(of_part)}")


def summary(texts: Sequence[JudgedText]) -> str:
    """Return the counts of some texts in one line."""
    verdicts: Counter[str] = Counter(each.verdict for each in texts)
    triage = [each for each in texts if each.verdict == "triage"]
    left = Counter((each.left, "fair" if each.label["expect"]["triage_ok"] else "needless") for each in triage)
    shares = ", ".join(f"{name} {verdicts[name]} ({100 * verdicts[name] / max(len(texts), 1):.1f} %)" for name in ORDER)
    further = [f"{number} {how} to {whom}" for (whom, how), number in sorted(left.items())]
    further += [f"{sum(len(each.missing) for each in texts)} signals missing"]
    further += [f"{sum(len(each.false) for each in texts)} false"]
    further += [_apart(fact, [each for each in texts if fact in each.expected]) for fact in COUNTED_APART]
    return f"{shares} of {len(texts)}; {', '.join(filter(None, further))}"


def _apart(fact: str, texts: Sequence[JudgedText]) -> str:
    """Return how often a fact that is counted apart is right; nothing if no text has it."""
    return f"{fact} right in {sum(not each.amiss((fact,)) for each in texts)} of {len(texts)}" if texts else ""


def _pairs(path: Path) -> str:
    played = list(pairs.play_all(pairs.load(path), loading.load(PROJECT / "policies")))
    return pairs.report(played).partition(f"{len(played)} pairs: ")[2].replace("\n", "; ")


def _print_changes(judged: Iterable[JudgedText], before: dict[str, str]) -> None:
    changed = [each for each in judged if before.get(each.label["id"], each.verdict) != each.verdict]
    print(f"\nsince the last run: {len(changed)} texts changed")
    for each in changed:
        was = before[each.label["id"]]
        word = "better" if ORDER[each.verdict] < ORDER[was] else "worse"
        shown = (
            each.line() if each.verdict != "right" and half(each.label) == "A" else f"{each.label['id']} {each.verdict}"
        )
        print(f"  {word}, {was} -> {shown}")


if __name__ == "__main__":
    main()
