"""A phone in free text is the writer's only where words beside it say so (DECISIONS 40)."""

import pytest

from services.intake.domain.fields import InputErrors
from services.intake.domain.phone_mentions import writers_phone

NUMBER = "+8613911112222"


def read(text: str) -> tuple[str | None, list[str]]:
    errors = InputErrors()
    return writers_phone(text, "CN", errors).get("phone"), list(errors.flags)


@pytest.mark.requirement("R2.4", "R2.5")
@pytest.mark.parametrize(
    "text",
    [
        "我的电话13911112222",
        "联系电话：139 1111 2222",
        "手机号是13911112222,请回电",
        "宽带断了,电话13911112222 张",
        "电话13911112222",
        "请打我13911112222",
        "Please call me at +86 139 1111 2222",
        "13900001111天天骚扰我,我的手机是13911112222",
    ],
)
def test_words_beside_a_number_make_it_the_writer_s(text: str) -> None:
    assert read(text) == (NUMBER, [])


@pytest.mark.requirement("R2.4", "R2.5")
@pytest.mark.parametrize(
    "text",
    [
        "13911112222 天天骚扰我",
        "骚扰电话13911112222",
        "诈骗电话是13911112222",
        "他的电话13911112222",
        "13911112222打骚扰电话",
    ],
)
def test_any_other_number_is_a_hint(text: str) -> None:
    assert read(text) == (NUMBER, ["phone_from_text"])


@pytest.mark.requirement("R2.5")
def test_of_several_numbers_none_is_chosen() -> None:
    assert read("13911112222和13911113333都打不通") == (None, ["phone_ambiguous"])
    assert read("我的电话13911112222,联系电话13911113333") == (None, ["phone_ambiguous"])
    assert read("宽带断了") == (None, [])
