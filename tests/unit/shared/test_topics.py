"""The list of topics."""

from pathlib import Path

import pytest

from services.shared.kafka import topics


def test_an_unknown_key_in_the_list_of_topics_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "topics.toml").write_text('[x]\ntitle = "x"\nkeyy = "x"\n')
    with pytest.raises(ValueError, match="keyy"):
        topics.load(tmp_path / "topics.toml")
