"""Identity matching: one number may belong to one person or to many (DECISIONS 30)."""

import pytest

from schemas.contact import Customer
from services.domain.identity_matching import compare_customers, match_customers

MOBILE, LANDLINE = "+8613800000101", "+8637155500001"


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("mine", "theirs", "person"),
    [
        (Customer(phone=MOBILE), Customer(phone=MOBILE), "same"),
        (Customer(phone=MOBILE, number="C1"), Customer(phone=MOBILE, number="C2"), "another"),
        (Customer(phone=MOBILE, number="C1"), Customer(phone="+8613800000102", number="C1"), "same"),
        (Customer(phone=MOBILE, email="a@b.c"), Customer(phone="+8613800000102", email="a@b.c"), "same"),
        (Customer(phone=MOBILE, name="张先生"), Customer(phone=MOBILE, name="张三"), "same"),
        (Customer(phone=MOBILE, name="王先生"), Customer(phone=MOBILE, name="王女士"), "another"),
        (Customer(phone=MOBILE, name="王芳女士"), Customer(phone=MOBILE, name="王先生"), "another"),
        (Customer(phone=MOBILE, name="王先生"), Customer(phone=MOBILE, name="王经理"), "same"),
        (Customer(phone=MOBILE, name="Mr. Wang"), Customer(phone=MOBILE, name="Ms Wang"), "another"),
        (Customer(phone=LANDLINE, switchboard=True), Customer(phone=LANDLINE), "another"),
        (Customer(phone=LANDLINE), Customer(phone=LANDLINE), "perhaps"),
        (Customer(phone="+864008001234"), Customer(phone="+864008001234"), "unproven"),
        (Customer(phone="+864008001234", name="客户"), Customer(phone="+864008001234", name="客户"), "unproven"),
        (Customer(email="office@a.example"), Customer(email="office@a.example"), "perhaps"),
        (Customer(email="office@a.example", name="王"), Customer(email="office@a.example", name="刘"), "another"),
        (Customer(email="noreply@a.example"), Customer(email="NoReply@a.example"), "unproven"),
        (
            Customer(email="noreply@a.example", name="官网"),
            Customer(email="noreply@a.example", name="官网"),
            "unproven",
        ),
        (Customer(email="li@a.example", name="李梅"), Customer(email="li@a.example", name="王芳"), "another"),
        (
            Customer(name="王五", address="和平路8号3单元501"),
            Customer(name="王五", address="和平路8号 3单元501"),
            "same",
        ),
        (Customer(name="匿名", address="中原路1号501室"), Customer(name="匿名", address="中原路1号501室"), "unproven"),
        (Customer(name="赵刚", address="中原路1号501室"), Customer(name="钱英", address="中原路1号501室"), "another"),
        (Customer(phone=LANDLINE, name="张三"), Customer(phone=LANDLINE), "perhaps"),
        (Customer(phone=LANDLINE, name="张三"), Customer(phone=LANDLINE, name="张 三"), "same"),
        (Customer(phone=LANDLINE, name="张三"), Customer(phone=LANDLINE, name="李四"), "another"),
        (Customer(phone=LANDLINE, name="张先生"), Customer(phone=LANDLINE, name="张三"), "perhaps"),
        (Customer(phone=LANDLINE, name="张先生"), Customer(phone=LANDLINE, name="张先生"), "perhaps"),
        (Customer(phone=LANDLINE, name="张先生"), Customer(phone=LANDLINE, name="张经理"), "another"),
        (Customer(phone=LANDLINE, phone_extension="1"), Customer(phone=LANDLINE, phone_extension="2"), "another"),
        (Customer(phone=LANDLINE, phone_extension="1"), Customer(phone=LANDLINE, phone_extension="1"), "same"),
    ],
)
def test_who_counts_as_the_same_customer(mine: Customer, theirs: Customer, person: str) -> None:
    assert compare_customers(mine, theirs) == person


SWITCHBOARD = Customer(phone=LANDLINE, switchboard=True, phone_extension="802", name="王五")


@pytest.mark.requirement("R2.4")
def test_behind_a_switchboard_only_the_same_person_at_the_same_extension_is_one() -> None:
    assert compare_customers(SWITCHBOARD, SWITCHBOARD) == "same"
    assert compare_customers(SWITCHBOARD, SWITCHBOARD.replace(phone_extension="803")) == "another"
    assert compare_customers(SWITCHBOARD, SWITCHBOARD.replace(name="刘工")) == "another"
    assert compare_customers(SWITCHBOARD, SWITCHBOARD.replace(name="客户")) == "another"


def test_a_match_says_what_proved_suggested_and_contradicted_it() -> None:
    family = match_customers(Customer(phone=MOBILE, name="张先生"), Customer(phone=MOBILE, name="李女士"))
    assert (family.relation, family.suggested, family.contradicted) == ("another", ("phone",), ("name",))
    assert family.one_line
    assert match_customers(Customer(number="C1"), Customer(number="C1")).proved == ("customer number",)


@pytest.mark.parametrize(
    "name",
    [
        "客户",
        "用户",
        "机主",
        "未提供",
        "本人",
        "匿名",
        "匿名用户",
        "某市民",
        "不详",
        "Anonymous",
        "n/a",
        "无名氏",
        "匿名先生",
    ],
)
def test_two_who_gave_no_name_are_not_one_person(name: str) -> None:
    """Behind a landline the same full name joins two contacts; what stands in the place of a name is none."""
    anonymous = Customer(phone="+862150000000", name=name)
    assert compare_customers(anonymous, anonymous) == "perhaps"


def test_nobody_is_known_by_a_surname_and_an_address_alone() -> None:
    anonymous = Customer(name="李女士", address="南京西路1号")
    assert compare_customers(anonymous, anonymous) == "unproven"
