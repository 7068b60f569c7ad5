from tests.advisor.rules.cases import Case


def test_x():
    assert Case
